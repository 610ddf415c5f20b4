package org.redoubt.testkit.firmware;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.firmware.CommandRecord;
import org.redoubt.api.firmware.PlatformInfo;
import org.redoubt.api.firmware.SecureProcessor;
import org.redoubt.api.firmware.SecureProcessorConfig;
import org.redoubt.api.firmware.SecureProcessorConfig.NamedPolicy;
import org.redoubt.api.firmware.SecureProcessorFactory;
import org.redoubt.api.memory.KeyStatus;
import org.redoubt.api.policy.FirmwarePolicy;
import org.redoubt.api.policy.PolicyOutcome;
import org.redoubt.api.policy.PolicyRequest;
import org.redoubt.crypto.Certificates;
import org.redoubt.crypto.P384PrivateKey;
import org.redoubt.crypto.Primitives;
import org.redoubt.crypto.SecretBytes;
import org.redoubt.crypto.TransportKeys;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.Mailbox;
import org.redoubt.spec.sev.PlatformState;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.cert.Algorithm;
import org.redoubt.spec.sev.cert.PlatformChain;
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
import org.redoubt.spec.sev.command.PdhCertExportBuffer;
import org.redoubt.spec.sev.command.PlatformStatusBuffer;
import org.redoubt.spec.sev.command.SessionBlob;

/**
 * The exam of a {@link SecureProcessor}: extend it, supply the factory. It talks to the firmware as
 * a host kernel does, through the mailbox, and plays the guest's owner. What it asks for is what a
 * hypervisor needs to launch SEV guests; a firmware may have more commands, or answer UNSUPPORTED.
 */
@Timeout(600)
public abstract class SecureProcessorContract {
  private static final int MEMORY = 1 << 20;
  private static final long BUFFER = 0x1000;
  private static final long FIRST = 0x2000;
  private static final long SECOND = 0x3000;
  private static final long GUEST = 0x10000;
  private static final int GUEST_BYTES = 0x4000;
  private static final GuestPolicy POLICY = new GuestPolicy(0x0000_0001);

  private final SecureRandom random = new SecureRandom();
  private final List<NamedPolicy> policies = new CopyOnWriteArrayList<>();
  private final ModelMemory memory = new ModelMemory(MEMORY);

  @SuppressWarnings("NullAway.Init") // set before each test
  private SecureProcessor processor;

  /** Makes the factory to be examined. */
  protected abstract SecureProcessorFactory factory();

  /**
   * An empty folder for its state, or one with what the firmware takes long to make; by default it
   * forgets everything. Called before each test.
   */
  protected Optional<Path> state() {
    return Optional.empty();
  }

  @BeforeEach
  final void powerOn() throws HypervisorException {
    processor =
        factory()
            .create(
                new SecureProcessorConfig(
                    "examined", memory, state(), () -> List.copyOf(policies)));
  }

  @AfterEach
  final void powerOff() {
    processor.close();
  }

  // A host kernel's driver

  private FirmwareStatus issue(int command, long spa, boolean interrupt) {
    var mailbox = processor.mailbox();
    mailbox.write(Mailbox.CMDBUF_ADDR_LO, (int) spa);
    mailbox.write(Mailbox.CMDBUF_ADDR_HI, (int) (spa >>> 32));
    mailbox.write(Mailbox.CMDRESP, Mailbox.commandWord(command, interrupt));
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(120);
    int response = mailbox.read(Mailbox.CMDRESP);
    while ((response & Mailbox.RESP) == 0) {
      assertTrue(System.nanoTime() < end, "no response within 2 minutes");
      Thread.yield();
      response = mailbox.read(Mailbox.CMDRESP);
    }
    int status = Mailbox.status(response);
    return FirmwareStatus.of(status)
        .orElseThrow(() -> new AssertionError("status %Xh is none".formatted(status)));
  }

  private FirmwareStatus issue(SevCommand command, Consumer<MemorySegment> fill) {
    byte[] raw = new byte[command.bufferBytes()];
    fill.accept(MemorySegment.ofArray(raw));
    put(BUFFER, raw);
    return issue(command.id(), raw.length == 0 ? 0 : BUFFER, false);
  }

  private void must(SevCommand command, Consumer<MemorySegment> fill) {
    assertEquals(FirmwareStatus.SUCCESS, issue(command, fill), () -> command + ": " + reason());
  }

  private String reason() {
    List<CommandRecord> history = processor.history();
    return history.isEmpty() ? "" : history.getLast().reason();
  }

  private void put(long spa, byte[] bytes) {
    memory.view(0).write(spa, MemorySegment.ofArray(bytes));
  }

  private byte[] get(int tag, long spa, int bytes) {
    byte[] out = new byte[bytes];
    memory.view(tag).read(spa, MemorySegment.ofArray(out));
    return out;
  }

  private void init() {
    must(SevCommand.INIT, new InitBuffer(0, 0, 0)::write);
  }

  private PlatformStatusBuffer status() {
    must(SevCommand.PLATFORM_STATUS, s -> {});
    return PlatformStatusBuffer.read(
        MemorySegment.ofArray(get(0, BUFFER, SevCommand.PLATFORM_STATUS.bufferBytes())));
  }

  private PlatformChain chain() {
    must(
        SevCommand.PDH_CERT_EXPORT,
        new PdhCertExportBuffer(FIRST, SevCertificate.BYTES, SECOND, PlatformChain.CERTS_BYTES)
            ::write);
    byte[] all = Arrays.copyOf(get(0, FIRST, SevCertificate.BYTES), PlatformChain.BYTES);
    System.arraycopy(
        get(0, SECOND, PlatformChain.CERTS_BYTES),
        0,
        all,
        SevCertificate.BYTES,
        PlatformChain.CERTS_BYTES);
    return PlatformChain.of(all);
  }

  // The guest's owner

  private record Owner(SevCertificate certificate, SessionBlob session, TransportKeys keys) {}

  private Owner owner(SevCertificate pdh) {
    P384PrivateKey mine = P384PrivateKey.generate(random);
    TransportKeys keys = TransportKeys.generate(random);
    byte[] nonce = new byte[16];
    byte[] iv = new byte[16];
    random.nextBytes(nonce);
    random.nextBytes(iv);
    try (SecretBytes z = mine.agree(Certificates.publicKey(pdh))) {
      return new Owner(
          SevCertificate.unsigned(
              0, 0, Usage.PDH, Algorithm.ECDH_SHA256, mine.publicKey().qx(), mine.publicKey().qy()),
          keys.seal(z, nonce, iv, POLICY),
          keys);
    }
  }

  private FirmwareStatus tryStart(Owner owner, SessionBlob session) {
    put(FIRST, owner.certificate.toBytes());
    put(SECOND, session.toBytes());
    return issue(
        SevCommand.LAUNCH_START,
        new LaunchStartBuffer(
                0,
                POLICY.bits(),
                FIRST,
                SevCertificate.BYTES,
                SECOND,
                (int) SessionBlob.LAYOUT.byteSize())
            ::write);
  }

  private int start(Owner owner) {
    assertEquals(FirmwareStatus.SUCCESS, tryStart(owner, owner.session), this::reason);
    return LaunchStartBuffer.read(
            MemorySegment.ofArray(get(0, BUFFER, SevCommand.LAUNCH_START.bufferBytes())))
        .handle();
  }

  private byte[] content() {
    byte[] content = new byte[GUEST_BYTES];
    new Random(7).nextBytes(content);
    return content;
  }

  private void update(int handle, int asid) {
    must(SevCommand.ACTIVATE, new ActivateBuffer(handle, asid)::write);
    put(GUEST, content());
    must(SevCommand.LAUNCH_UPDATE_DATA, new LaunchUpdateBuffer(handle, GUEST, GUEST_BYTES)::write);
  }

  private Measurement measure(int handle) {
    must(SevCommand.LAUNCH_MEASURE, new LaunchMeasureBuffer(handle, FIRST, 48)::write);
    return new Measurement(get(0, FIRST, 48));
  }

  private void handle(SevCommand command, int handle) {
    must(command, new HandleBuffer(handle)::write);
  }

  // Registers

  @Test
  final void shouldAnswerThroughTheRegisters() {
    assertNotEquals(
        0, processor.mailbox().read(Mailbox.CMDRESP) & Mailbox.RESP, "RESP at power-on");
    assertEquals(-1, processor.mailbox().read(0x4), "where there is no register");
    processor.mailbox().write(0x4, 1);
    assertEquals(FirmwareStatus.INVALID_COMMAND, issue(0x7FE, BUFFER, false));
  }

  @Test
  final void shouldRaiseTheInterruptThatWasAskedFor() {
    AtomicInteger raised = new AtomicInteger();
    processor.mailbox().onInterrupt(raised::incrementAndGet);
    processor.mailbox().write(Mailbox.INTEN, Mailbox.CMD_COMPLETE);
    issue(SevCommand.PLATFORM_STATUS.id(), BUFFER, false);
    assertEquals(0, raised.get(), "nobody asked for it");
    issue(SevCommand.PLATFORM_STATUS.id(), BUFFER, true);
    assertEquals(1, raised.get());
    assertNotEquals(0, processor.mailbox().read(Mailbox.INTSTS) & Mailbox.CMD_COMPLETE);
    processor.mailbox().write(Mailbox.INTSTS, Mailbox.CMD_COMPLETE);
    assertEquals(0, processor.mailbox().read(Mailbox.INTSTS) & Mailbox.CMD_COMPLETE);
  }

  // The platform

  @Test
  final void shouldTellHostAndPeopleTheSame() {
    for (PlatformState state : List.of(PlatformState.UNINIT, PlatformState.INIT)) {
      PlatformStatusBuffer said = status();
      PlatformInfo info = processor.info();
      assertEquals(state.code(), said.state());
      assertEquals(state, info.state());
      assertEquals(
          List.of(info.apiMajor(), info.apiMinor(), info.build()),
          List.of(said.apiMajor(), said.apiMinor(), said.build()));
      if (state == PlatformState.UNINIT) {
        init();
      }
    }
    assertEquals(
        FirmwareStatus.INVALID_PLATFORM_STATE,
        issue(SevCommand.INIT, new InitBuffer(0, 0, 0)::write));
    must(SevCommand.SHUTDOWN, s -> {});
    assertEquals(PlatformState.UNINIT, processor.info().state());
  }

  @Test
  final void shouldGiveOutAChainThatVerifies() {
    init();
    PlatformChain exported = chain();
    var set = processor.certificates();
    assertEquals(Optional.of(exported), set.platform());
    assertEquals(
        Optional.empty(),
        org.redoubt.crypto.ChainReport.of(set.ark(), set.ark(), set.ask(), exported)
            .firstFinding());
  }

  // A launch

  @Test
  final void shouldLaunchAGuestThatItsOwnerCanVerify() {
    init();
    Owner owner = owner(chain().pdh());
    int guest = start(owner);
    assertEquals(PlatformState.WORKING, processor.info().state());
    update(guest, 3);
    assertArrayEquals(content(), get(3, GUEST, GUEST_BYTES), "the guest's view");
    byte[] dram = get(0, GUEST, GUEST_BYTES);
    for (int at = 0; at < GUEST_BYTES; at += 16) {
      assertFalse(Arrays.equals(content(), at, at + 16, dram, at, at + 16), "plain text in DRAM");
    }
    Measurement measured = measure(guest);
    PlatformStatusBuffer said = status();
    assertEquals(
        owner.keys.measure(
            said.apiMajor(),
            said.apiMinor(),
            said.build(),
            POLICY,
            Primitives.sha256(content()),
            measured.mnonce()),
        measured);
    byte[] secret =
        "what only the guest may know....".getBytes(java.nio.charset.StandardCharsets.US_ASCII);
    TransportKeys.Packet packet = owner.keys.sealSecret(secret, new byte[16], measured);
    put(FIRST, packet.header().toBytes());
    put(SECOND, packet.ciphertext());
    must(
        SevCommand.LAUNCH_SECRET,
        new LaunchSecretBuffer(guest, FIRST, 52, GUEST, secret.length, SECOND, secret.length)
            ::write);
    assertArrayEquals(secret, get(3, GUEST, secret.length));
    handle(SevCommand.LAUNCH_FINISH, guest);
    PlatformInfo.Guest info = processor.info().guests().getFirst();
    assertEquals(
        List.of(guest, 3, GuestState.RUNNING), List.of(info.handle(), info.asid(), info.state()));
    assertEquals(POLICY, info.policy());
    handle(SevCommand.DEACTIVATE, guest);
    handle(SevCommand.DECOMMISSION, guest);
    memory.wbinvd();
    must(SevCommand.DF_FLUSH, s -> {});
    assertEquals(0, memory.liveKeys());
    assertEquals(PlatformState.INIT, processor.info().state());
    int next = start(owner(chain().pdh()));
    must(SevCommand.ACTIVATE, new ActivateBuffer(next, 3)::write); // the ASID is free again
  }

  @Test
  final void shouldRefuseASessionThatIsNotForItsPolicyOrPlatform() {
    init();
    Owner owner = owner(chain().pdh());
    for (int at : new int[] {0, 16, 47, 64, 96}) { // nonce, keys, both MACs
      byte[] changed = owner.session.toBytes();
      changed[at] ^= 1;
      assertEquals(FirmwareStatus.BAD_MEASUREMENT, tryStart(owner, new SessionBlob(changed)));
      assertFalse(reason().isBlank(), "no reason");
    }
    assertEquals(List.of(), processor.info().guests());
  }

  @Test
  final void shouldGiveEachGuestAKeyOfItsOwn() {
    init();
    update(start(owner(chain().pdh())), 1);
    byte[] first = get(0, GUEST, GUEST_BYTES);
    update(start(owner(chain().pdh())), 2);
    assertFalse(Arrays.equals(first, get(0, GUEST, GUEST_BYTES)));
    assertFalse(Arrays.equals(memory.keyOf(1), memory.keyOf(2)));
  }

  @Test
  final void shouldKeepTheRulesOfStatesAndAsids() {
    init();
    int guest = start(owner(chain().pdh()));
    assertEquals(
        FirmwareStatus.INACTIVE,
        issue(SevCommand.LAUNCH_UPDATE_DATA, new LaunchUpdateBuffer(guest, GUEST, 4096)::write));
    assertEquals(
        FirmwareStatus.INVALID_GUEST_STATE,
        issue(SevCommand.LAUNCH_FINISH, new HandleBuffer(guest)::write));
    assertEquals(
        FirmwareStatus.INVALID_GUEST,
        issue(SevCommand.DECOMMISSION, new HandleBuffer(guest + 1000)::write));
    assertEquals(
        FirmwareStatus.INVALID_ASID,
        issue(SevCommand.ACTIVATE, new ActivateBuffer(guest, 0)::write));
    must(SevCommand.ACTIVATE, new ActivateBuffer(guest, 4)::write);
    assertEquals(
        FirmwareStatus.ACTIVE, issue(SevCommand.DECOMMISSION, new HandleBuffer(guest)::write));
    int other = start(owner(chain().pdh()));
    assertEquals(
        FirmwareStatus.ASID_OWNED, issue(SevCommand.ACTIVATE, new ActivateBuffer(other, 4)::write));
    handle(SevCommand.DEACTIVATE, guest);
    assertEquals(FirmwareStatus.WBINVD_REQUIRED, issue(SevCommand.DF_FLUSH, s -> {}));
  }

  // Policies

  @Test
  final void shouldAskPoliciesAndNameTheOneThatRefuses() throws InterruptedException {
    init();
    Owner owner = owner(chain().pdh());
    CountDownLatch told = new CountDownLatch(1);
    FirmwarePolicy strict =
        new FirmwarePolicy() {
          @Override
          public Optional<String> refuse(PolicyRequest r) {
            return r.operation().equals("LAUNCH_START")
                ? Optional.of("not today")
                : Optional.empty();
          }

          @Override
          public void completed(PolicyRequest r, PolicyOutcome outcome) {
            if (outcome.status() == FirmwareStatus.POLICY_FAILURE.code()) {
              told.countDown();
            }
          }
        };
    policies.add(new NamedPolicy("strict", strict));
    assertEquals(FirmwareStatus.POLICY_FAILURE, tryStart(owner, owner.session));
    assertTrue(reason().contains("strict") && reason().contains("not today"), this::reason);
    assertTrue(told.await(120, TimeUnit.SECONDS), "the policy was not told the outcome");
    policies.clear();
    start(owner);
  }

  @Test
  final void shouldRefuseWhenAPolicyFailsOrHangs() {
    init();
    Owner owner = owner(chain().pdh());
    policies.add(
        new NamedPolicy(
            "broken",
            r -> {
              throw new IllegalStateException("no idea");
            }));
    assertEquals(FirmwareStatus.POLICY_FAILURE, tryStart(owner, owner.session));
    assertTrue(reason().contains("broken"), this::reason);
    policies.clear();
    CountDownLatch never = new CountDownLatch(1);
    policies.add(
        new NamedPolicy(
            "sleepy",
            r -> {
              try {
                never.await();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
              return Optional.empty();
            }));
    assertEquals(FirmwareStatus.POLICY_FAILURE, tryStart(owner, owner.session));
    assertTrue(reason().contains("sleepy"), this::reason);
    policies.clear();
    assertEquals(List.of(), processor.info().guests());
  }

  // Robustness

  @Test
  final void shouldSurviveEveryBuffer() {
    init();
    update(start(owner(chain().pdh())), 1);
    Random dice = new Random(3);
    List<SevCommand> commands = new ArrayList<>(List.of(SevCommand.values()));
    commands.remove(SevCommand.SHUTDOWN);
    for (int i = 0; i < 2000; i++) {
      SevCommand c = commands.get(dice.nextInt(commands.size()));
      byte[] raw = new byte[Math.max(c.bufferBytes(), 8)];
      dice.nextBytes(raw);
      put(BUFFER, raw);
      long spa =
          switch (dice.nextInt(4)) {
            case 0 -> MEMORY - 1;
            case 1 -> dice.nextLong();
            default -> BUFFER;
          };
      FirmwareStatus status = issue(c.id(), spa, false);
      CommandRecord record = processor.history().getLast();
      assertEquals(c.id(), record.command());
      assertEquals(status.code(), record.status());
      assertEquals(status == FirmwareStatus.SUCCESS, record.reason().isEmpty(), record::toString);
    }
    assertEquals(PlatformState.WORKING, processor.info().state());
  }

  @Test
  final void shouldRefuseBuffersOutsideOfMemory() {
    assertEquals(
        FirmwareStatus.INVALID_ADDRESS, issue(SevCommand.PLATFORM_STATUS.id(), MEMORY, false));
    assertEquals(
        FirmwareStatus.INVALID_ADDRESS, issue(SevCommand.PLATFORM_STATUS.id(), -1L, false));
  }

  @Test
  final void shouldOwnTheKeysUntilItIsClosed() {
    init();
    update(start(owner(chain().pdh())), 1);
    assertTrue(memory.isActive(1));
    processor.close();
    assertFalse(memory.isActive(1), "a guest's key outlives the processor");
    assertEquals(KeyStatus.NO_KEY, memory.activate(9));
  }
}
