package org.redoubt.firmware.internal;

import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import org.redoubt.firmware.internal.command.RfcLaunchFinish;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.RfcCommand;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.struct.Layouts;

/** Numbers, registers and structures of {@link RfcCommand}. */
final class RfcDialect implements Dialect {
  private static final Registers REGISTERS =
      new Registers(
          RfcCommand.CMDRESP,
          RfcCommand.CMDBUF_ADDR_LO,
          RfcCommand.CMDBUF_ADDR_HI,
          RfcCommand.INTEN,
          RfcCommand.INTSTS);

  /** The last status that its list has: INVALID_GUEST. */
  private static final int LAST_STATUS = 0x10;

  private static final int HEADER = 4;

  @Override
  public Registers registers() {
    return REGISTERS;
  }

  @Override
  public Optional<SevCommand> command(int id) {
    return RfcCommand.of(id).map(RfcCommand::today);
  }

  @Override
  public int bytes(SevCommand command) {
    return RfcCommand.of(command).map(RfcCommand::bufferBytes).orElse(0);
  }

  @Override
  public int code(FirmwareStatus status) {
    return status.code() <= LAST_STATUS ? status.code() : FirmwareStatus.INVALID_CONFIG.code();
  }

  @Override
  public Optional<Refusal> decode(SevCommand command, MemorySegment raw, MemorySegment buffer) {
    if (raw.byteSize() == 0) {
      return Optional.empty();
    }
    int length = raw.get(Layouts.LE32, 0);
    if (Integer.compareUnsigned(length, (int) raw.byteSize()) < 0) {
      return Optional.of(
          Refusal.of(
              FirmwareStatus.INVALID_LEN,
              "BUFFER_LEN: expected at least %d, found %d",
              raw.byteSize(),
              Integer.toUnsignedLong(length)));
    }
    if (OWN.contains(command)) {
      buffer.copyFrom(raw);
      return Optional.empty();
    }
    switch (command) {
      case PLATFORM_STATUS -> {} // all of it is output
      case INIT -> move(raw, 4, buffer, 0, 4);
      case LAUNCH_UPDATE_DATA -> {
        move(raw, 4, buffer, 0, 4);
        move(raw, 8, buffer, 8, 12);
      }
      case LAUNCH_FINISH -> {
        move(raw, 4, buffer, 0, 4);
        move(raw, 0x34, buffer, RfcLaunchFinish.STATE_COUNT_OFFSET, 4);
      }
      case DBG_DECRYPT, DBG_ENCRYPT -> {
        move(raw, 4, buffer, 0, 4);
        move(raw, 8, buffer, 8, 20);
      }
      default -> move(raw, HEADER, buffer, 0, buffer.byteSize()); // the same behind the length
    }
    return Optional.empty();
  }

  /** What has no counterpart in the SEV API: its classes take the structures as they are. */
  private static final Set<SevCommand> OWN =
      EnumSet.of(
          SevCommand.LAUNCH_START,
          SevCommand.PEK_CSR,
          SevCommand.PEK_CERT_IMPORT,
          SevCommand.PDH_CERT_EXPORT,
          SevCommand.SEND_START,
          SevCommand.SEND_UPDATE_DATA,
          SevCommand.SEND_FINISH,
          SevCommand.RECEIVE_START,
          SevCommand.RECEIVE_UPDATE_DATA,
          SevCommand.RECEIVE_FINISH);

  @Override
  public void encode(SevCommand command, MemorySegment buffer, MemorySegment raw) {
    if (OWN.contains(command)) {
      raw.copyFrom(buffer);
      return;
    }
    raw.set(Layouts.LE32, 0, (int) raw.byteSize());
    switch (command) {
      case PLATFORM_STATUS -> {
        move(buffer, 0, raw, 4, 3);
        raw.set(Layouts.U8, 7, (byte) 0);
        raw.set(Layouts.LE32, 8, buffer.get(Layouts.LE32, 3));
        move(buffer, 8, raw, 12, 4);
      }
      case LAUNCH_FINISH -> move(buffer, RfcLaunchFinish.MEASUREMENT_OFFSET, raw, 8, 32);
      case GUEST_STATUS -> move(buffer, 0, raw, HEADER, buffer.byteSize());
      default -> {} // nothing comes back
    }
  }

  private static void move(MemorySegment from, long at, MemorySegment to, long to0, long bytes) {
    MemorySegment.copy(from, at, to, to0, bytes);
  }
}
