package org.redoubt.firmware.internal;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.redoubt.api.firmware.CommandRecord;
import org.redoubt.api.firmware.Mailbox;
import org.redoubt.api.firmware.SecureProcessorConfig;
import org.redoubt.api.firmware.SecureProcessorConfig.NamedPolicy;
import org.redoubt.api.firmware.SecureProcessorFactory;
import org.redoubt.crypto.Certificates;
import org.redoubt.crypto.P384PrivateKey;
import org.redoubt.crypto.SecretBytes;
import org.redoubt.crypto.TransportKeys;
import org.redoubt.firmware.internal.keys.Chip;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.cert.Algorithm;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.cert.Usage;
import org.redoubt.spec.sev.command.ActivateBuffer;
import org.redoubt.spec.sev.command.HandleBuffer;
import org.redoubt.spec.sev.command.InitBuffer;
import org.redoubt.spec.sev.command.LaunchMeasureBuffer;
import org.redoubt.spec.sev.command.LaunchSecretBuffer;
import org.redoubt.spec.sev.command.LaunchStartBuffer;
import org.redoubt.spec.sev.command.LaunchUpdateBuffer;
import org.redoubt.spec.sev.command.Measurement;
import org.redoubt.spec.sev.command.SessionBlob;
import org.redoubt.testkit.firmware.ModelMemory;

/**
 * A host kernel's driver, as far as the tests need one: command buffer at 1000h, everything else
 * where the test puts it.
 */
final class Host implements AutoCloseable {
  static final long BUFFER = 0x1000;
  static final long CERT = 0x2000;
  static final long SESSION = 0x3000;
  static final long OUT = 0x4000;
  static final long HEADER = 0x8000;
  static final long PACKET = 0x9000;
  static final long GUEST = 0x10000;
  static final int GUEST_BYTES = 0x3000;

  final ModelMemory memory;
  final SevSecureProcessor psp;
  final SecureRandom random = new SecureRandom();
  final List<NamedPolicy> policies = new ArrayList<>();
  final Map<String, SecureProcessorFactory> firmwares = new HashMap<>();

  Host() {
    this(Optional.empty());
  }

  Host(Optional<Path> state) {
    this(state, 1 << 21);
  }

  Host(Optional<Path> state, int memoryBytes) {
    this(state, memoryBytes, Duration.ofSeconds(60));
  }

  /** With a limit for what a policy takes to answer. */
  Host(Duration policyLimit) {
    this(Optional.empty(), 1 << 21, policyLimit);
  }

  private Host(Optional<Path> state, int memoryBytes, Duration policyLimit) {
    memory = new ModelMemory(memoryBytes);
    try {
      psp =
          new SevSecureProcessor(
              new SecureProcessorConfig(
                  "psp0",
                  memory,
                  state,
                  () -> List.copyOf(policies),
                  name -> Optional.ofNullable(firmwares.get(name))),
              Chip.open(state, random),
              random,
              policyLimit);
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  Mailbox mailbox() {
    return psp.mailbox();
  }

  Platform platform() {
    return psp.platform();
  }

  /** Issues a command as Linux does: address low, address high, command. */
  FirmwareStatus issue(int command, long bufferSpa) {
    Mailbox m = mailbox();
    m.write(org.redoubt.spec.sev.Mailbox.CMDBUF_ADDR_LO, (int) bufferSpa);
    m.write(org.redoubt.spec.sev.Mailbox.CMDBUF_ADDR_HI, (int) (bufferSpa >>> 32));
    m.write(
        org.redoubt.spec.sev.Mailbox.CMDRESP,
        org.redoubt.spec.sev.Mailbox.commandWord(command, false));
    int response = m.read(org.redoubt.spec.sev.Mailbox.CMDRESP);
    if ((response & org.redoubt.spec.sev.Mailbox.RESP) == 0) {
      throw new AssertionError("no response");
    }
    return FirmwareStatus.of(org.redoubt.spec.sev.Mailbox.status(response)).orElseThrow();
  }

  FirmwareStatus issue(SevCommand command, Consumer<MemorySegment> fill) {
    byte[] raw = new byte[command.bufferBytes()];
    fill.accept(MemorySegment.ofArray(raw));
    put(BUFFER, raw);
    return issue(command.id(), command.bufferBytes() == 0 ? 0 : BUFFER);
  }

  FirmwareStatus issue(SevCommand command) {
    return issue(command, s -> {});
  }

  MemorySegment buffer(SevCommand command) {
    return MemorySegment.ofArray(get(BUFFER, command.bufferBytes()));
  }

  String lastReason() {
    return psp.history().getLast().reason();
  }

  CommandRecord last() {
    return psp.history().getLast();
  }

  void put(long spa, byte[] bytes) {
    memory.view(0).write(spa, MemorySegment.ofArray(bytes));
  }

  byte[] get(long spa, int bytes) {
    byte[] out = new byte[bytes];
    memory.view(0).read(spa, MemorySegment.ofArray(out));
    return out;
  }

  byte[] getPrivate(int asid, long spa, int bytes) {
    byte[] out = new byte[bytes];
    memory.view(asid).read(spa, MemorySegment.ofArray(out));
    return out;
  }

  private void must(FirmwareStatus status) {
    if (status != FirmwareStatus.SUCCESS) {
      throw new AssertionError(status + ": " + lastReason());
    }
  }

  Host init() {
    must(issue(SevCommand.INIT, new InitBuffer(0, 0, 0)::write));
    return this;
  }

  /** INIT with SEV-ES, the trusted memory region in the upper half of memory. */
  Host initEs() {
    must(issue(SevCommand.INIT, new InitBuffer(1, 1 << 20, 1 << 20)::write));
    return this;
  }

  /** The guest owner's side of one session. */
  record Owner(SevCertificate dhCert, SessionBlob session, TransportKeys keys) {}

  Owner owner(GuestPolicy policy) {
    SevCertificate pdh = platform().keys().pdhCertificate();
    P384PrivateKey mine = P384PrivateKey.generate(random);
    TransportKeys keys = TransportKeys.generate(random);
    byte[] nonce = new byte[16];
    byte[] iv = new byte[16];
    random.nextBytes(nonce);
    random.nextBytes(iv);
    try (SecretBytes z = mine.agree(Certificates.publicKey(pdh))) {
      SevCertificate cert =
          SevCertificate.unsigned(
              0, 0, Usage.PDH, Algorithm.ECDH_SHA256, mine.publicKey().qx(), mine.publicKey().qy());
      return new Owner(cert, keys.seal(z, nonce, iv, policy), keys);
    }
  }

  /** LAUNCH_START with the owner's session; returns the handle. */
  int launchStart(GuestPolicy policy, Owner owner) {
    put(CERT, owner.dhCert().toBytes());
    put(SESSION, owner.session().toBytes());
    must(issue(SevCommand.LAUNCH_START, startBuffer(policy)::write));
    return LaunchStartBuffer.read(buffer(SevCommand.LAUNCH_START)).handle();
  }

  static LaunchStartBuffer startBuffer(GuestPolicy policy) {
    return new LaunchStartBuffer(0, policy.bits(), CERT, SevCertificate.BYTES, SESSION, 128);
  }

  int launchStartUnattested(int policy) {
    must(issue(SevCommand.LAUNCH_START, new LaunchStartBuffer(0, policy, 0, 0, 0, 0)::write));
    return LaunchStartBuffer.read(buffer(SevCommand.LAUNCH_START)).handle();
  }

  void activate(int handle, int asid) {
    must(issue(SevCommand.ACTIVATE, new ActivateBuffer(handle, asid)::write));
  }

  void update(int handle) {
    must(
        issue(
            SevCommand.LAUNCH_UPDATE_DATA,
            new LaunchUpdateBuffer(handle, GUEST, GUEST_BYTES)::write));
  }

  Measurement measure(int handle) {
    must(issue(SevCommand.LAUNCH_MEASURE, new LaunchMeasureBuffer(handle, OUT, 48)::write));
    return new Measurement(get(OUT, 48));
  }

  FirmwareStatus secret(int handle, TransportKeys.Packet packet, long guestSpa) {
    put(HEADER, packet.header().toBytes());
    put(PACKET, packet.ciphertext());
    return issue(
        SevCommand.LAUNCH_SECRET,
        new LaunchSecretBuffer(
                handle,
                HEADER,
                52,
                guestSpa,
                packet.ciphertext().length,
                PACKET,
                packet.ciphertext().length)
            ::write);
  }

  void must(SevCommand command, int handle) {
    must(issue(command, new HandleBuffer(handle)::write));
  }

  @Override
  public void close() {
    psp.close();
  }
}
