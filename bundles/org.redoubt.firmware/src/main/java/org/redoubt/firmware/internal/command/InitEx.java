package org.redoubt.firmware.internal.command;

import java.util.Map;
import java.util.Optional;
import org.redoubt.api.memory.PageTag;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.firmware.internal.keys.HostStore;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.InitBuffer;
import org.redoubt.spec.sev.command.InitExBuffer;

/**
 * INIT_EX: INIT with the platform's keys in host memory, sealed; the host keeps them in a file. The
 * area is used until the next INIT or INIT_EX: PEK_GEN, PDH_GEN, PEK_CERT_IMPORT and PLATFORM_RESET
 * write to it.
 *
 * <pre>
 * INVALID_LEN          EX_LEN is not 36
 * INVALID_PARAM        a reserved bit of FLAGS is set
 * INVALID_LEN          SEV-ES: TMR_LENGTH is not 1 MiB
 * INVALID_ADDRESS      SEV-ES: TMR_PADDR is not 1 MiB aligned, or not memory
 * INVALID_LEN          NV_LENGTH is not 32 KiB
 * INVALID_ADDRESS      NV_PADDR is no multiple of 4096, not memory, or overlaps command buffer or TMR
 * POLICY_FAILURE       a policy refuses
 * SECURE_DATA_INVALID  the state was changed or rolled back; an area of FFh makes a new one
 * HWERROR_PLATFORM     the chip's counter cannot be read or written
 * </pre>
 */
final class InitEx extends Command {
  private static final int BYTES = (int) InitExBuffer.LAYOUT.byteSize();
  private static final int PAGE = 4096;

  InitEx() {
    super(SevCommand.INIT_EX, InitExBuffer.LAYOUT, PlatformStates.UNINIT);
  }

  @Override
  public Decision check(Call call, Optional<Guest> guest) {
    InitExBuffer b = InitExBuffer.read(call.buffer());
    if (b.exLen() != BYTES) {
      return Refusal.of(
          FirmwareStatus.INVALID_LEN,
          "EX_LEN: expected %d, found %d",
          BYTES,
          Integer.toUnsignedLong(b.exLen()));
    }
    Optional<Refusal> bad = Initialization.check(call, b.flags(), b.tmrPaddr(), b.tmrLength());
    if (bad.isPresent()) {
      return bad.get();
    }
    if (b.nvLength() != HostStore.BYTES) {
      return Refusal.of(
          FirmwareStatus.INVALID_LEN,
          "NV_LENGTH: expected %Xh, found %Xh",
          HostStore.BYTES,
          b.nvLength());
    }
    Call.Range area = new Call.Range("NV_PADDR", b.nvPaddr(), HostStore.BYTES);
    bad = call.check(PAGE, area);
    if (bad.isEmpty() && b.flags() != 0) {
      bad = call.check(1, area, new Call.Range("TMR_PADDR", b.tmrPaddr(), InitBuffer.TMR_BYTES));
    }
    if (bad.isPresent()) {
      return bad.get();
    }
    HostStore store = new HostStore(call.platform().memory().view(PageTag.SHARED), b.nvPaddr());
    return Approval.asking(
        Map.of("FLAGS", "%X".formatted(b.flags()), "NV_PADDR", "%X".formatted(b.nvPaddr())),
        () -> Initialization.initialize(call.platform(), store, b.flags() != 0));
  }
}
