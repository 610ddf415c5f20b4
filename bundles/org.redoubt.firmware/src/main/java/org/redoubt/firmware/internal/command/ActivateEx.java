package org.redoubt.firmware.internal.command;

import java.util.Map;
import java.util.Optional;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Platform;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.ActivateExBuffer;

/**
 * ACTIVATE_EX: ACTIVATE on the core complexes with the given APIC ids. The modelled SoC has one
 * memory controller for all of them, so the first call installs the key and further ones, for other
 * core complexes, find it there.
 *
 * <pre>
 * INVALID_LEN       EX_LEN is not 24
 * INVALID_ASID      ASID is not from 1 to the highest
 * ACTIVE            the guest has another ASID
 * ASID_OWNED        another guest has it
 * INVALID_PARAM     NUM_IDS is 0 or above 1024
 * INVALID_ADDRESS   IDS_PADDR is not memory
 * POLICY_FAILURE    a policy refuses
 * WBINVD_REQUIRED   the ASID was used before, and caches were not written back
 * DFFLUSH_REQUIRED  the ASID was used before, and DF_FLUSH did not run
 * HWERROR_PLATFORM  the memory system does not take the key
 * </pre>
 */
final class ActivateEx extends Command.OfGuest {
  private static final int BYTES = (int) ActivateExBuffer.LAYOUT.byteSize();
  private static final int MAX_IDS = 1024;

  ActivateEx() {
    super(SevCommand.ACTIVATE_EX, ActivateExBuffer.LAYOUT, PlatformStates.ANY_GUEST, Activity.ANY);
  }

  @Override
  public int handleOffset() {
    return Integer.BYTES;
  }

  @Override
  protected Decision check(Call call, Guest guest) {
    ActivateExBuffer b = ActivateExBuffer.read(call.buffer());
    if (b.exLen() != BYTES) {
      return Refusal.of(
          FirmwareStatus.INVALID_LEN,
          "EX_LEN: expected %d, found %d",
          BYTES,
          Integer.toUnsignedLong(b.exLen()));
    }
    Optional<Refusal> bad = checkAsid(call.platform(), guest, b.asid());
    if (bad.isPresent()) {
      return bad.get();
    }
    if (b.numIds() < 1 || b.numIds() > MAX_IDS) {
      return Refusal.of(
          FirmwareStatus.INVALID_PARAM,
          "NUM_IDS: expected 1 to %d, found %d",
          MAX_IDS,
          Integer.toUnsignedLong(b.numIds()));
    }
    bad =
        call.check(1, new Call.Range("IDS_PADDR", b.idsPaddr(), (long) b.numIds() * Integer.BYTES));
    if (bad.isPresent()) {
      return bad.get();
    }
    return Approval.asking(
        Map.of("ASID", "%X".formatted(b.asid()), "NUM_IDS", "%X".formatted(b.numIds())),
        () ->
            guest.asid() == b.asid()
                ? Optional.empty()
                : call.platform().activate(guest, b.asid()));
  }

  private static Optional<Refusal> checkAsid(Platform p, Guest guest, int asid) {
    if (asid < 1 || asid > p.maxAsid()) {
      return Optional.of(
          Refusal.of(
              FirmwareStatus.INVALID_ASID,
              "ASID: expected 1 to %d, found %d",
              p.maxAsid(),
              Integer.toUnsignedLong(asid)));
    }
    if (guest.asid() != 0 && guest.asid() != asid) {
      return Optional.of(
          Refusal.of(
              FirmwareStatus.ACTIVE,
              "Guest %d: expected no ASID or %d, found %d",
              guest.handle(),
              asid,
              guest.asid()));
    }
    return p.owner(asid)
        .filter(o -> o.handle() != guest.handle())
        .map(o ->
            Refusal.of(
                FirmwareStatus.ASID_OWNED,
                "ASID: expected a free one, found %d of guest %d",
                asid,
                o.handle()));
  }
}
