package org.redoubt.hypervisor.internal;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Consumer;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.firmware.CommandRecord;
import org.redoubt.api.firmware.SecureProcessor;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemoryView;
import org.redoubt.api.memory.PageTag;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.Mailbox;
import org.redoubt.spec.sev.PlatformState;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.ActivateBuffer;
import org.redoubt.spec.sev.command.HandleBuffer;
import org.redoubt.spec.sev.command.InitBuffer;
import org.redoubt.spec.sev.command.LaunchMeasureBuffer;
import org.redoubt.spec.sev.command.LaunchStartBuffer;
import org.redoubt.spec.sev.command.LaunchUpdateBuffer;
import org.redoubt.spec.sev.command.Measurement;

/**
 * The host's driver of its secure processor: command buffers in host memory, addresses and commands
 * in the mailbox's registers, as a host kernel does it. Thread-safe; one command at a time.
 */
final class Psp implements AutoCloseable {
  /** What it needs of host memory: a page for command buffers, a page for answers. */
  static final long BYTES = 0x2000;

  private static final long ANSWERS = 0x1000;
  private static final int MEASUREMENT_BYTES = (int) Measurement.LAYOUT.byteSize();

  private final SecureProcessor processor;
  private final MemorySystem memory;
  private final MemoryView host;
  private final long spa;

  Psp(SecureProcessor processor, MemorySystem memory, long spa) {
    this.processor = processor;
    this.memory = memory;
    this.host = memory.view(PageTag.SHARED);
    this.spa = spa;
  }

  SecureProcessor processor() {
    return processor;
  }

  /** INIT, unless that was done. */
  synchronized void init() throws HypervisorException {
    if (processor.info().state() == PlatformState.UNINIT) {
      issue(SevCommand.INIT, new InitBuffer(0, 0, 0)::write);
    }
  }

  /**
   * LAUNCH_START without an owner's session, and ACTIVATE.
   *
   * @return the guest's handle
   */
  synchronized int start(int policy, int asid) throws HypervisorException {
    issue(SevCommand.LAUNCH_START, new LaunchStartBuffer(0, policy, 0, 0, 0, 0)::write);
    MemorySegment answer = MemorySegment.ofArray(new byte[SevCommand.LAUNCH_START.bufferBytes()]);
    host.read(spa, answer);
    int handle = LaunchStartBuffer.read(answer).handle();
    try {
      issue(SevCommand.ACTIVATE, new ActivateBuffer(handle, asid)::write);
    } catch (HypervisorException e) {
      issue(SevCommand.DECOMMISSION, new HandleBuffer(handle)::write);
      throw e;
    }
    return handle;
  }

  /** LAUNCH_UPDATE_DATA: measures and encrypts what the host has put there. */
  void update(int handle, long regionSpa, int bytes) throws HypervisorException {
    issue(SevCommand.LAUNCH_UPDATE_DATA, new LaunchUpdateBuffer(handle, regionSpa, bytes)::write);
  }

  /** LAUNCH_MEASURE and LAUNCH_FINISH. */
  synchronized Measurement finish(int handle) throws HypervisorException {
    issue(
        SevCommand.LAUNCH_MEASURE,
        new LaunchMeasureBuffer(handle, spa + ANSWERS, MEASUREMENT_BYTES)::write);
    byte[] measurement = new byte[MEASUREMENT_BYTES];
    host.read(spa + ANSWERS, MemorySegment.ofArray(measurement));
    issue(SevCommand.LAUNCH_FINISH, new HandleBuffer(handle)::write);
    return new Measurement(measurement);
  }

  /** Takes a guest's key away, so that its ASID is free: no vCPU may run any more. */
  synchronized void end(int handle) throws HypervisorException {
    issue(SevCommand.DEACTIVATE, new HandleBuffer(handle)::write);
    issue(SevCommand.DECOMMISSION, new HandleBuffer(handle)::write);
    memory.wbinvd();
    issue(SevCommand.DF_FLUSH, buffer -> {});
  }

  private synchronized void issue(SevCommand command, Consumer<MemorySegment> fill)
      throws HypervisorException {
    MemorySegment buffer = MemorySegment.ofArray(new byte[command.bufferBytes()]);
    fill.accept(buffer);
    long address = 0;
    if (buffer.byteSize() != 0) {
      host.write(spa, buffer);
      address = spa;
    }
    processor.mailbox().write(Mailbox.CMDBUF_ADDR_LO, (int) address);
    processor.mailbox().write(Mailbox.CMDBUF_ADDR_HI, (int) (address >>> 32));
    processor.mailbox().write(Mailbox.CMDRESP, Mailbox.commandWord(command.id(), false));
    int response = processor.mailbox().read(Mailbox.CMDRESP);
    int status = Mailbox.status(response);
    if ((response & Mailbox.RESP) == 0 || status != FirmwareStatus.SUCCESS.code()) {
      throw new HypervisorException(refusal(command, status));
    }
  }

  private String refusal(SevCommand command, int status) {
    List<CommandRecord> history = processor.history();
    String reason = history.isEmpty() ? "" : history.getLast().reason();
    return "The secure processor refused %s with %s%s"
        .formatted(
            command,
            FirmwareStatus.of(status).map(Enum::name).orElse("%xh".formatted(status)),
            reason.isEmpty() ? "" : ": " + reason);
  }

  @Override
  public void close() {
    processor.close();
  }
}
