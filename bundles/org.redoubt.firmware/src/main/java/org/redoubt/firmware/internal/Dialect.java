package org.redoubt.firmware.internal;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.Mailbox;
import org.redoubt.spec.sev.SevCommand;

/**
 * How a host writes commands: numbers, registers, and the form of buffers. The command classes know
 * the form of the SEV API only.
 */
interface Dialect {
  /** Where the registers are. */
  record Registers(int cmdresp, int addressLow, int addressHigh, int inten, int intsts) {}

  /** The SEV API's own. */
  Dialect SEV =
      new Dialect() {
        private final Registers registers =
            new Registers(
                Mailbox.CMDRESP,
                Mailbox.CMDBUF_ADDR_LO,
                Mailbox.CMDBUF_ADDR_HI,
                Mailbox.INTEN,
                Mailbox.INTSTS);

        @Override
        public Registers registers() {
          return registers;
        }

        @Override
        public Optional<SevCommand> command(int id) {
          return SevCommand.of(id);
        }

        @Override
        public int bytes(SevCommand command) {
          return command.bufferBytes();
        }

        @Override
        public Optional<Refusal> decode(
            SevCommand command, MemorySegment raw, MemorySegment buffer) {
          buffer.copyFrom(raw);
          return Optional.empty();
        }

        @Override
        public void encode(SevCommand command, MemorySegment buffer, MemorySegment raw) {
          raw.copyFrom(buffer);
        }

        @Override
        public int code(FirmwareStatus status) {
          return status.code();
        }
      };

  Registers registers();

  /** The command that a number stands for. */
  Optional<SevCommand> command(int id);

  /** Bytes of its buffer in memory. */
  int bytes(SevCommand command);

  /** From the form in memory to that of the command's class, which is zero before. */
  Optional<Refusal> decode(SevCommand command, MemorySegment raw, MemorySegment buffer);

  /** From the form of the command's class to that in memory, which is as it was read. */
  void encode(SevCommand command, MemorySegment buffer, MemorySegment raw);

  /** The number for a status. */
  int code(FirmwareStatus status);
}
