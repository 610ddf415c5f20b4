package org.redoubt.hypervisor.internal;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.firmware.CommandRecord;
import org.redoubt.api.firmware.SecureProcessor;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemoryView;
import org.redoubt.api.memory.PageTag;
import org.redoubt.api.vm.LaunchSession;
import org.redoubt.api.vm.PlatformAdmin;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.Mailbox;
import org.redoubt.spec.sev.PlatformState;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.cert.PlatformChain;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.command.ActivateBuffer;
import org.redoubt.spec.sev.command.DbgBuffer;
import org.redoubt.spec.sev.command.DownloadFirmwareBuffer;
import org.redoubt.spec.sev.command.HandleBuffer;
import org.redoubt.spec.sev.command.InitBuffer;
import org.redoubt.spec.sev.command.LaunchMeasureBuffer;
import org.redoubt.spec.sev.command.LaunchSecretBuffer;
import org.redoubt.spec.sev.command.LaunchStartBuffer;
import org.redoubt.spec.sev.command.LaunchUpdateBuffer;
import org.redoubt.spec.sev.command.Measurement;
import org.redoubt.spec.sev.command.PdhCertExportBuffer;
import org.redoubt.spec.sev.command.PekCertImportBuffer;
import org.redoubt.spec.sev.command.PekCsrBuffer;

/**
 * The host's driver of its secure processor: command buffers in host memory, addresses and commands
 * in the mailbox's registers, as a host kernel does it. Thread-safe; one command at a time.
 */
final class Psp implements PlatformAdmin, AutoCloseable {
  /**
   * What it needs of host memory: a page for command buffers, then what they point to. Certificates
   * and headers go first, at most a page; sessions, chains and packets second.
   */
  static final long BYTES = 0x8000;

  private static final long FIRST = 0x1000;
  private static final int FIRST_BYTES = 0x1000;

  /** The most that {@link #debugDecrypt} takes. */
  static final int DEBUG_BYTES = FIRST_BYTES;

  private static final long SECOND = FIRST + FIRST_BYTES;
  private static final int SECOND_BYTES = 0x5000;
  private static final int MEASUREMENT_BYTES = (int) Measurement.LAYOUT.byteSize();

  private final SecureProcessor processor;
  private final MemorySystem memory;
  private final MemoryView host;
  private final long spa;
  private final Consumer<byte[]> updated;

  /** What a load gives where there is no register. */
  private static final int NO_REGISTER = -1;

  private volatile boolean unusable;

  /**
   * @param spa of {@link #BYTES} bytes of host memory, its own
   * @param updated hears of each firmware that was loaded by {@link #updateFirmware}
   */
  Psp(SecureProcessor processor, MemorySystem memory, long spa, Consumer<byte[]> updated) {
    this.processor = processor;
    this.memory = memory;
    this.host = memory.view(PageTag.SHARED);
    this.spa = spa;
    this.updated = updated;
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

  @Override
  public synchronized byte[] certificateRequest() throws HypervisorException {
    idle();
    init();
    issue(SevCommand.PEK_CSR, new PekCsrBuffer(spa + FIRST, SevCertificate.BYTES)::write);
    return get(FIRST, SevCertificate.BYTES);
  }

  @Override
  public synchronized void importOwner(byte[] pek, byte[] oca) throws HypervisorException {
    idle();
    init();
    put("PEK certificate", FIRST, FIRST_BYTES, pek);
    put("OCA certificate", SECOND, SECOND_BYTES, oca);
    issue(
        SevCommand.PEK_CERT_IMPORT,
        new PekCertImportBuffer(spa + FIRST, pek.length, spa + SECOND, oca.length)::write);
  }

  @Override
  public synchronized void factoryReset() throws HypervisorException {
    shutDown();
    try {
      issue(SevCommand.PLATFORM_RESET, buffer -> {});
    } finally {
      init();
    }
  }

  @Override
  public synchronized void updateFirmware(byte[] image) throws HypervisorException {
    shutDown();
    HypervisorException failed = null;
    try {
      load(image);
    } catch (HypervisorException e) {
      failed = e;
    }
    // The old registers still hold the answer; this one holds none.
    if (processor.mailbox().read(Mailbox.CMDBUF_ADDR_LO) == NO_REGISTER) {
      unusable = true;
      throw new HypervisorException(
          "That firmware has other registers than this host's driver: the secure processor goes off"
              + " and on again, with the firmware it came with");
    }
    if (failed == null) {
      updated.accept(image);
    }
    init();
    if (failed != null) {
      throw failed;
    }
  }

  /** Whether nobody can talk to it any more. */
  boolean unusable() {
    return unusable;
  }

  /** DOWNLOAD_FIRMWARE, before INIT. */
  synchronized void load(byte[] image) throws HypervisorException {
    put("firmware image", FIRST, FIRST_BYTES, image);
    issue(
        SevCommand.DOWNLOAD_FIRMWARE, new DownloadFirmwareBuffer(spa + FIRST, image.length)::write);
  }

  private void shutDown() throws HypervisorException {
    if (processor.info().state() != PlatformState.UNINIT) {
      idle();
      issue(SevCommand.SHUTDOWN, buffer -> {});
    }
  }

  private void idle() throws HypervisorException {
    if (processor.info().state() == PlatformState.WORKING) {
      throw new HypervisorException(
          "The secure processor has %d guest%s: stop their VMs first"
              .formatted(
                  processor.info().guests().size(),
                  processor.info().guests().size() == 1 ? "" : "s"));
    }
  }

  /** PDH_CERT_EXPORT. */
  synchronized PlatformChain export() throws HypervisorException {
    issue(
        SevCommand.PDH_CERT_EXPORT,
        new PdhCertExportBuffer(
                spa + FIRST, SevCertificate.BYTES, spa + SECOND, PlatformChain.CERTS_BYTES)
            ::write);
    byte[] chain = Arrays.copyOf(get(FIRST, SevCertificate.BYTES), PlatformChain.BYTES);
    byte[] certs = get(SECOND, PlatformChain.CERTS_BYTES);
    System.arraycopy(certs, 0, chain, SevCertificate.BYTES, certs.length);
    return PlatformChain.of(chain);
  }

  /**
   * LAUNCH_START, with an owner's session if there is one, and ACTIVATE.
   *
   * @return the guest's handle
   */
  synchronized int start(int policy, Optional<LaunchSession> session, int asid)
      throws HypervisorException {
    LaunchStartBuffer buffer = new LaunchStartBuffer(0, policy, 0, 0, 0, 0);
    if (session.isPresent()) {
      byte[] certificate = session.get().dhCertificate();
      byte[] blob = session.get().session();
      put("DH certificate", FIRST, FIRST_BYTES, certificate);
      put("session", SECOND, SECOND_BYTES, blob);
      buffer =
          new LaunchStartBuffer(
              0, policy, spa + FIRST, certificate.length, spa + SECOND, blob.length);
    }
    issue(SevCommand.LAUNCH_START, buffer::write);
    int handle =
        LaunchStartBuffer.read(MemorySegment.ofArray(get(0, SevCommand.LAUNCH_START.bufferBytes())))
            .handle();
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

  /** LAUNCH_MEASURE. */
  synchronized Measurement measure(int handle) throws HypervisorException {
    issue(
        SevCommand.LAUNCH_MEASURE,
        new LaunchMeasureBuffer(handle, spa + FIRST, MEASUREMENT_BYTES)::write);
    return new Measurement(get(FIRST, MEASUREMENT_BYTES));
  }

  /** LAUNCH_SECRET: an owner's packet, to {@code guestSpa}. */
  synchronized void secret(int handle, long guestSpa, byte[] header, byte[] ciphertext)
      throws HypervisorException {
    put("packet header", FIRST, FIRST_BYTES, header);
    put("packet", SECOND, SECOND_BYTES, ciphertext);
    issue(
        SevCommand.LAUNCH_SECRET,
        new LaunchSecretBuffer(
                handle,
                spa + FIRST,
                header.length,
                guestSpa,
                ciphertext.length,
                spa + SECOND,
                ciphertext.length)
            ::write);
  }

  /**
   * DBG_DECRYPT: bytes of a guest, if its policy and the host's allow.
   *
   * @param guestSpa where they are, a multiple of 16
   * @param bytes how many, a multiple of 16, at most {@link #DEBUG_BYTES}
   */
  synchronized byte[] debugDecrypt(int handle, long guestSpa, int bytes)
      throws HypervisorException {
    issue(SevCommand.DBG_DECRYPT, new DbgBuffer(handle, guestSpa, spa + FIRST, bytes)::write);
    try {
      return get(FIRST, bytes);
    } finally {
      host.fill(spa + FIRST, bytes, (byte) 0);
    }
  }

  /** DBG_ENCRYPT: bytes into a guest's private memory; address and length are multiples of 16. */
  synchronized void debugEncrypt(int handle, long guestSpa, byte[] plain)
      throws HypervisorException {
    put("debugger's bytes", FIRST, FIRST_BYTES, plain);
    try {
      issue(
          SevCommand.DBG_ENCRYPT,
          new DbgBuffer(handle, spa + FIRST, guestSpa, plain.length)::write);
    } finally {
      host.fill(spa + FIRST, plain.length, (byte) 0);
    }
  }

  /** LAUNCH_FINISH. */
  void finish(int handle) throws HypervisorException {
    issue(SevCommand.LAUNCH_FINISH, new HandleBuffer(handle)::write);
  }

  /**
   * Takes a guest's key away, so that its ASID is free: no vCPU may run any more. Every step is
   * tried, whatever the firmware said to the one before.
   */
  synchronized void end(int handle) throws HypervisorException {
    HypervisorException failed = tried(SevCommand.DEACTIVATE, new HandleBuffer(handle)::write);
    HypervisorException second = tried(SevCommand.DECOMMISSION, new HandleBuffer(handle)::write);
    memory.wbinvd();
    HypervisorException third = tried(SevCommand.DF_FLUSH, buffer -> {});
    for (HypervisorException one : new HypervisorException[] {failed, second, third}) {
      if (one != null) {
        throw one;
      }
    }
  }

  private @Nullable HypervisorException tried(SevCommand command, Consumer<MemorySegment> fill) {
    try {
      issue(command, fill);
      return null;
    } catch (HypervisorException e) {
      return e;
    }
  }

  private byte[] get(long offset, int bytes) {
    byte[] out = new byte[bytes];
    host.read(spa + offset, MemorySegment.ofArray(out));
    return out;
  }

  private void put(String what, long offset, int room, byte[] bytes) throws HypervisorException {
    if (bytes.length > room) {
      throw new HypervisorException(
          "The %s has %d bytes; the host takes at most %d".formatted(what, bytes.length, room));
    }
    host.write(spa + offset, MemorySegment.ofArray(bytes));
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
    String remedy =
        command == SevCommand.INIT && status == FirmwareStatus.SECURE_DATA_INVALID.code()
            ? "; 'psp:factory-reset' erases it and makes a new platform"
            : "";
    return "The secure processor refused %s with %s%s%s"
        .formatted(
            command,
            FirmwareStatus.of(status).map(Enum::name).orElse("%xh".formatted(status)),
            reason.isEmpty() ? "" : ": " + reason,
            remedy);
  }

  @Override
  public void close() {
    processor.close();
  }
}
