package org.redoubt.hypervisor.internal;

import java.lang.foreign.MemorySegment;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.redoubt.api.firmware.CertificateSet;
import org.redoubt.api.firmware.CommandRecord;
import org.redoubt.api.firmware.Mailbox;
import org.redoubt.api.firmware.PlatformInfo;
import org.redoubt.api.firmware.SecureProcessor;
import org.redoubt.api.firmware.SecureProcessorConfig;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.PlatformState;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.command.DbgBuffer;
import org.redoubt.spec.sev.command.LaunchSecretBuffer;
import org.redoubt.spec.sev.command.LaunchStartBuffer;
import org.redoubt.spec.sev.command.PdhCertExportBuffer;

/** A secure processor that says yes, or no to one command, and remembers what it was asked. */
final class FakeProcessor implements SecureProcessor, Mailbox {
  static final int HANDLE = 5;

  final List<String> commands = new ArrayList<>();

  /** What LAUNCH_START and LAUNCH_SECRET pointed to, in the order of their fields. */
  final List<byte[]> given = new ArrayList<>();

  private final SecureProcessorConfig config;
  private final String refused;
  private PlatformState state = PlatformState.UNINIT;
  private long address;
  private int response;
  GuestPolicy policy = new GuestPolicy(1);
  boolean closed;

  /** Whether a firmware that is downloaded has its registers elsewhere. */
  boolean deafAfterDownload;

  FakeProcessor(SecureProcessorConfig config, String refused) {
    this.config = config;
    this.refused = refused;
  }

  @Override
  public Mailbox mailbox() {
    return this;
  }

  @Override
  public int read(int offset) {
    boolean deaf = deafAfterDownload && !commands.isEmpty() && isDownload(commands.getLast());
    return deaf && offset != org.redoubt.spec.sev.Mailbox.CMDRESP ? -1 : response;
  }

  private static boolean isDownload(String command) {
    return command.equals("DOWNLOAD_FIRMWARE");
  }

  @Override
  public void write(int offset, int value) {
    switch (offset) {
      case org.redoubt.spec.sev.Mailbox.CMDBUF_ADDR_LO -> address = Integer.toUnsignedLong(value);
      case org.redoubt.spec.sev.Mailbox.CMDBUF_ADDR_HI -> address |= (long) value << 32;
      case org.redoubt.spec.sev.Mailbox.CMDRESP ->
          response =
              org.redoubt.spec.sev.Mailbox.RESP
                  | run(org.redoubt.spec.sev.Mailbox.command(value)).code();
      default -> throw new AssertionError("register %x".formatted(offset));
    }
  }

  private FirmwareStatus run(int id) {
    SevCommand command = SevCommand.of(id).orElseThrow();
    commands.add(command.name());
    if (command.name().equals(refused)) {
      return FirmwareStatus.POLICY_FAILURE;
    }
    if (command == SevCommand.INIT) {
      state = PlatformState.INIT;
    }
    MemorySegment buffer = MemorySegment.ofArray(get(address, command.bufferBytes()));
    if (command == SevCommand.PDH_CERT_EXPORT) {
      byte[] some = new byte[SevCertificate.BYTES];
      some[0] = 1;
      config
          .memory()
          .view(0)
          .write(PdhCertExportBuffer.read(buffer).pdhCertPaddr(), MemorySegment.ofArray(some));
    }
    if (command == SevCommand.LAUNCH_SECRET) {
      LaunchSecretBuffer b = LaunchSecretBuffer.read(buffer);
      given.add(get(b.hdrPaddr(), b.hdrLen()));
      given.add(get(b.transPaddr(), b.transLen()));
      config.memory().view(0).write(b.guestPaddr(), MemorySegment.ofArray(given.getLast()));
    }
    if (command == SevCommand.DBG_DECRYPT) {
      DbgBuffer b = DbgBuffer.read(buffer);
      byte[] plain = get(b.srcPaddr(), b.length()); // this memory has no keys
      config.memory().view(0).write(b.dstPaddr(), MemorySegment.ofArray(plain));
    }
    if (command == SevCommand.LAUNCH_START) {
      LaunchStartBuffer b = LaunchStartBuffer.read(buffer);
      given.add(get(b.dhCertPaddr(), b.dhCertLen()));
      given.add(get(b.sessionPaddr(), b.sessionLen()));
      byte[] answer = new byte[command.bufferBytes()];
      new LaunchStartBuffer(HANDLE, 1, 0, 0, 0, 0).write(MemorySegment.ofArray(answer));
      config.memory().view(0).write(address, MemorySegment.ofArray(answer));
    }
    return FirmwareStatus.SUCCESS;
  }

  private byte[] get(long spa, int bytes) {
    byte[] out = new byte[bytes];
    config.memory().view(0).read(spa, MemorySegment.ofArray(out));
    return out;
  }

  @Override
  public void onInterrupt(Runnable listener) {}

  @Override
  public List<CommandRecord> history() {
    return commands.stream()
        .map(name -> new CommandRecord(Instant.EPOCH, 0, name, 0, "", "the test says no", 0))
        .toList();
  }

  @Override
  public PlatformInfo info() {
    return new PlatformInfo(
        1,
        55,
        1,
        state,
        false,
        false,
        List.of(new PlatformInfo.Guest(HANDLE, policy, 1, GuestState.RUNNING)));
  }

  @Override
  public CertificateSet certificates() {
    throw new UnsupportedOperationException();
  }

  @Override
  public void close() {
    closed = true;
  }
}
