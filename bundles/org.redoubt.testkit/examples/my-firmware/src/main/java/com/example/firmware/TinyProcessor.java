package com.example.firmware;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.redoubt.api.firmware.CertificateSet;
import org.redoubt.api.firmware.CommandRecord;
import org.redoubt.api.firmware.Mailbox;
import org.redoubt.api.firmware.PlatformInfo;
import org.redoubt.api.firmware.SecureProcessor;
import org.redoubt.api.firmware.SecureProcessorConfig;
import org.redoubt.api.firmware.SecureProcessorConfig.NamedPolicy;
import org.redoubt.api.memory.KeyInstaller;
import org.redoubt.api.memory.KeyStatus;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.policy.PolicyOutcome;
import org.redoubt.api.policy.PolicyRequest;
import org.redoubt.crypto.Certificates;
import org.redoubt.crypto.SecretBytes;
import org.redoubt.crypto.TransportKeys;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.PlatformState;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.cert.PlatformChain;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.cert.Usage;
import org.redoubt.spec.sev.command.ActivateBuffer;
import org.redoubt.spec.sev.command.LaunchMeasureBuffer;
import org.redoubt.spec.sev.command.LaunchSecretBuffer;
import org.redoubt.spec.sev.command.LaunchStartBuffer;
import org.redoubt.spec.sev.command.LaunchUpdateBuffer;
import org.redoubt.spec.sev.command.Measurement;
import org.redoubt.spec.sev.command.PacketHeader;
import org.redoubt.spec.sev.command.PdhCertExportBuffer;
import org.redoubt.spec.sev.command.PlatformStatusBuffer;
import org.redoubt.spec.sev.command.SessionBlob;

/** One of them. A command is carried out before the store to CMDRESP returns. */
final class TinyProcessor implements SecureProcessor, Mailbox, KeyInstaller {
  private static final int API_MAJOR = 1;
  private static final int API_MINOR = 60;
  private static final int BUILD = 7;
  private static final int SESSION_BYTES = (int) SessionBlob.LAYOUT.byteSize();
  private static final int SECRET_BYTES = 16 << 10;

  private final SecureProcessorConfig config;
  private final MemorySystem memory;
  private final SecureRandom random;
  private final ExecutorService policyThreads =
      Executors.newCachedThreadPool(Thread.ofPlatform().daemon().factory());
  private final List<CommandRecord> history = new ArrayList<>();
  private final List<Runnable> listeners = new ArrayList<>();
  private final Map<Integer, Integer> registers = new HashMap<>();
  private final Map<Integer, Guest> guests = new TreeMap<>();
  private final Map<Integer, byte[]> memoryKeys = new HashMap<>();
  private final TinyKeys keys;
  private boolean initialized;
  private int lastHandle;

  private static final class Guest {
    private final int handle;
    private final GuestPolicy policy;
    private final TransportKeys keys;
    private final MessageDigest digest;
    private GuestState state = GuestState.LUPDATE;
    private Measurement measurement;
    private int asid;

    Guest(int handle, GuestPolicy policy, TransportKeys keys) throws NoSuchAlgorithmException {
      this.handle = handle;
      this.policy = policy;
      this.keys = keys;
      this.digest = MessageDigest.getInstance("SHA-256");
    }
  }

  /** Ends a command with a status and a reason; caught where commands are taken. */
  private static final class Refused extends Exception {
    private static final long serialVersionUID = 1;
    private final FirmwareStatus status;

    Refused(FirmwareStatus status, String reason) {
      super(reason);
      this.status = status;
    }
  }

  TinyProcessor(SecureProcessorConfig config, SecureRandom random) {
    this.config = config;
    this.memory = config.memory();
    this.random = random;
    this.keys = new TinyKeys(random);
    for (int r :
        new int[] {
          org.redoubt.spec.sev.Mailbox.CMDBUF_ADDR_LO,
          org.redoubt.spec.sev.Mailbox.CMDBUF_ADDR_HI,
          org.redoubt.spec.sev.Mailbox.INTEN,
          org.redoubt.spec.sev.Mailbox.INTSTS
        }) {
      registers.put(r, 0);
    }
    registers.put(org.redoubt.spec.sev.Mailbox.CMDRESP, org.redoubt.spec.sev.Mailbox.RESP);
    registers.put(org.redoubt.spec.sev.Mailbox.FEATURES, org.redoubt.spec.sev.Mailbox.FEATURE_SEV);
    memory.setKeyInstaller(Optional.of(this));
  }

  // Registers

  @Override
  public synchronized int read(int offset) {
    return registers.getOrDefault(offset, -1);
  }

  @Override
  public void write(int offset, int value) {
    List<Runnable> due = List.of();
    synchronized (this) {
      if (offset == org.redoubt.spec.sev.Mailbox.CMDRESP) {
        due = command(value);
      } else if (offset == org.redoubt.spec.sev.Mailbox.INTSTS) {
        registers.merge(offset, ~value, (a, b) -> a & b);
      } else {
        registers.computeIfPresent(offset, (o, old) -> value);
      }
    }
    due.forEach(Runnable::run);
  }

  @Override
  public synchronized void onInterrupt(Runnable listener) {
    listeners.add(listener);
  }

  private List<Runnable> command(int value) {
    int id = org.redoubt.spec.sev.Mailbox.command(value);
    long spa =
        (long) read(org.redoubt.spec.sev.Mailbox.CMDBUF_ADDR_HI) << 32
            | Integer.toUnsignedLong(read(org.redoubt.spec.sev.Mailbox.CMDBUF_ADDR_LO));
    Instant at = Instant.now();
    long start = System.nanoTime();
    FirmwareStatus status = FirmwareStatus.SUCCESS;
    String reason = "";
    try {
      run(id, spa);
    } catch (Refused e) {
      status = e.status;
      reason = e.getMessage();
    } catch (RuntimeException | NoSuchAlgorithmException e) {
      status = FirmwareStatus.HWERROR_PLATFORM;
      reason = "Failed: " + e;
    }
    String name = SevCommand.of(id).map(Enum::name).orElse("UNKNOWN");
    history.add(
        new CommandRecord(
            at, id, name, status.code(), status.name(), reason, System.nanoTime() - start));
    tell(name, new PolicyOutcome(at.toEpochMilli(), status.code(), status.name(), reason));
    registers.put(
        org.redoubt.spec.sev.Mailbox.CMDRESP,
        org.redoubt.spec.sev.Mailbox.commandWord(id, false)
            | org.redoubt.spec.sev.Mailbox.RESP
            | status.code());
    if ((value & org.redoubt.spec.sev.Mailbox.IOC) == 0) {
      return List.of();
    }
    registers.merge(
        org.redoubt.spec.sev.Mailbox.INTSTS,
        org.redoubt.spec.sev.Mailbox.CMD_COMPLETE,
        (a, b) -> a | b);
    boolean enabled =
        (read(org.redoubt.spec.sev.Mailbox.INTEN) & org.redoubt.spec.sev.Mailbox.CMD_COMPLETE) != 0;
    return enabled ? List.copyOf(listeners) : List.of();
  }

  // Policies

  private void ask(String operation, Optional<Guest> guest, Map<String, String> details)
      throws Refused {
    PolicyRequest request =
        new PolicyRequest(
            operation,
            guest.map(g -> OptionalInt.of(g.handle)).orElse(OptionalInt.empty()),
            guest.map(g -> OptionalInt.of(g.policy.bits())).orElse(OptionalInt.empty()),
            OptionalInt.empty(),
            details);
    for (NamedPolicy p : config.policies().get()) {
      Future<Optional<String>> answer = policyThreads.submit(() -> p.policy().refuse(request));
      Optional<String> refusal;
      try {
        refusal = answer.get(1, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        refusal = Optional.of("interrupted");
      } catch (java.util.concurrent.ExecutionException e) {
        refusal = Optional.of("it failed: " + e.getCause());
      } catch (java.util.concurrent.TimeoutException e) {
        answer.cancel(true);
        refusal = Optional.of("it took too long");
      }
      if (refusal == null || refusal.isPresent()) {
        throw new Refused(
            FirmwareStatus.POLICY_FAILURE,
            "Policy " + p.name() + " refuses: " + (refusal == null ? "null" : refusal.get()));
      }
    }
  }

  private void tell(String operation, PolicyOutcome outcome) {
    PolicyRequest request =
        new PolicyRequest(
            operation, OptionalInt.empty(), OptionalInt.empty(), OptionalInt.empty(), Map.of());
    for (NamedPolicy p : config.policies().get()) {
      policyThreads.execute(() -> p.policy().completed(request, outcome));
    }
  }

  // Commands

  private void run(int id, long spa) throws Refused, NoSuchAlgorithmException {
    SevCommand command =
        SevCommand.of(id)
            .orElseThrow(() -> new Refused(FirmwareStatus.INVALID_COMMAND, "No such command"));
    int bytes = command.bufferBytes();
    switch (command) {
      case INIT, SHUTDOWN, PLATFORM_STATUS, PDH_CERT_EXPORT, DF_FLUSH, LAUNCH_START -> {}
      case ACTIVATE, DEACTIVATE, DECOMMISSION, LAUNCH_UPDATE_DATA, LAUNCH_MEASURE -> {}
      case LAUNCH_SECRET, LAUNCH_FINISH -> {}
      default -> throw new Refused(FirmwareStatus.UNSUPPORTED, command + " is not here");
    }
    if (command == SevCommand.INIT == initialized && command != SevCommand.PLATFORM_STATUS) {
      throw new Refused(FirmwareStatus.INVALID_PLATFORM_STATE, "The platform is in " + state());
    }
    memory(spa, Math.max(bytes, 1), bytes == 0);
    MemorySegment buffer = MemorySegment.ofArray(new byte[bytes]);
    if (bytes > 0) {
      memory.view(0).read(spa, buffer);
    }
    switch (command) {
      case INIT -> initialized = true;
      case SHUTDOWN -> shutDown();
      case PLATFORM_STATUS -> {
        new PlatformStatusBuffer(API_MAJOR, API_MINOR, state().code(), 0, BUILD, guests.size())
            .write(buffer);
        memory.view(0).write(spa, buffer);
      }
      case PDH_CERT_EXPORT -> export(PdhCertExportBuffer.read(buffer));
      case DF_FLUSH -> {
        if (memory.wbinvdRequired()) {
          throw new Refused(FirmwareStatus.WBINVD_REQUIRED, "WBINVD first");
        }
        memory.dfFlush();
      }
      case LAUNCH_START -> memory.view(0).write(spa, start(buffer));
      default -> guest(command, buffer);
    }
  }

  private void memory(long spa, long bytes, boolean unused) throws Refused {
    if (!unused && !memory.config().addressMap().isDram(spa, bytes)) {
      throw new Refused(FirmwareStatus.INVALID_ADDRESS, "%Xh is not memory".formatted(spa));
    }
  }

  private PlatformState state() {
    return !initialized
        ? PlatformState.UNINIT
        : guests.isEmpty() ? PlatformState.INIT : PlatformState.WORKING;
  }

  private void export(PdhCertExportBuffer b) throws Refused {
    if (b.pdhCertLen() < SevCertificate.BYTES || b.certsLen() < PlatformChain.CERTS_BYTES) {
      throw new Refused(FirmwareStatus.INVALID_LEN, "The buffers are too short");
    }
    memory(b.pdhCertPaddr(), SevCertificate.BYTES, false);
    memory(b.certsPaddr(), PlatformChain.CERTS_BYTES, false);
    put(b.pdhCertPaddr(), keys.chain().pdh().toBytes());
    put(b.certsPaddr(), keys.chain().certs());
  }

  private MemorySegment start(MemorySegment buffer) throws Refused, NoSuchAlgorithmException {
    LaunchStartBuffer b = LaunchStartBuffer.read(buffer);
    GuestPolicy policy = new GuestPolicy(b.policy());
    if (!policy.wellFormed() || b.handle() != 0) {
      throw new Refused(FirmwareStatus.INVALID_PARAM, "POLICY or HANDLE is wrong");
    }
    if (policy.encryptedState() || !policy.allowsApi(API_MAJOR, API_MINOR)) {
      throw new Refused(FirmwareStatus.POLICY_FAILURE, "POLICY wants what is not here");
    }
    boolean attested = b.dhCertLen() != 0 || b.sessionLen() != 0;
    TransportKeys transport = attested ? open(b, policy) : TransportKeys.generate(random);
    try {
      ask(
          "LAUNCH_START",
          Optional.empty(),
          Map.of("POLICY", "%08X".formatted(b.policy()), "SESSION", attested ? "owner" : "none"));
    } catch (Refused e) {
      transport.close();
      throw e;
    }
    Guest g = new Guest(++lastHandle, policy, transport);
    guests.put(g.handle, g);
    new LaunchStartBuffer(
            g.handle, b.policy(), b.dhCertPaddr(), b.dhCertLen(), b.sessionPaddr(), b.sessionLen())
        .write(buffer);
    return buffer;
  }

  private TransportKeys open(LaunchStartBuffer b, GuestPolicy policy) throws Refused {
    if (b.dhCertLen() != SevCertificate.BYTES || b.sessionLen() != SESSION_BYTES) {
      throw new Refused(FirmwareStatus.INVALID_LEN, "DH_CERT_LEN or SESSION_LEN is wrong");
    }
    memory(b.dhCertPaddr(), SevCertificate.BYTES, false);
    memory(b.sessionPaddr(), SESSION_BYTES, false);
    SevCertificate cert = new SevCertificate(get(b.dhCertPaddr(), SevCertificate.BYTES));
    var wrong = Certificates.checkBody(cert, Usage.PDH);
    if (wrong.isPresent()) {
      throw new Refused(wrong.get().status(), wrong.get().toString());
    }
    SessionBlob session = new SessionBlob(get(b.sessionPaddr(), SESSION_BYTES));
    try (SecretBytes z = keys.pdh().agree(Certificates.publicKey(cert))) {
      return switch (TransportKeys.open(session, z, policy)) {
        case TransportKeys.Opened.Keys k -> k.keys();
        case TransportKeys.Opened.Refused r ->
            throw new Refused(r.finding().status(), r.finding().toString());
      };
    }
  }

  private void guest(SevCommand command, MemorySegment buffer) throws Refused {
    Guest g = guests.get(buffer.get(ValueLayout.JAVA_INT_UNALIGNED, 0));
    if (g == null) {
      throw new Refused(FirmwareStatus.INVALID_GUEST, "No such guest");
    }
    switch (command) {
      case ACTIVATE -> activate(g, ActivateBuffer.read(buffer).asid());
      case DEACTIVATE -> {
        require(g.asid != 0, FirmwareStatus.INACTIVE, "It has no ASID");
        deactivate(g);
      }
      case DECOMMISSION -> {
        require(g.asid == 0, FirmwareStatus.ACTIVE, "It has an ASID");
        g.keys.close();
        guests.remove(g.handle);
      }
      case LAUNCH_UPDATE_DATA -> update(g, LaunchUpdateBuffer.read(buffer));
      case LAUNCH_MEASURE -> measure(g, LaunchMeasureBuffer.read(buffer));
      case LAUNCH_SECRET -> secret(g, LaunchSecretBuffer.read(buffer));
      case LAUNCH_FINISH -> {
        state(g, GuestState.LSECRET);
        ask("LAUNCH_FINISH", Optional.of(g), Map.of());
        g.state = GuestState.RUNNING;
      }
      default -> throw new AssertionError(command);
    }
  }

  private static void require(boolean condition, FirmwareStatus status, String reason)
      throws Refused {
    if (!condition) {
      throw new Refused(status, reason);
    }
  }

  private static void state(Guest g, GuestState wanted) throws Refused {
    require(
        g.state == wanted, FirmwareStatus.INVALID_GUEST_STATE, g.state + " instead of " + wanted);
  }

  private void activate(Guest g, int asid) throws Refused {
    require(g.asid == 0, FirmwareStatus.ACTIVE, "It has an ASID");
    require(
        asid >= 1 && asid <= memory.config().asids(), FirmwareStatus.INVALID_ASID, "No such ASID");
    require(!memoryKeys.containsKey(asid), FirmwareStatus.ASID_OWNED, "Another guest has it");
    ask("ACTIVATE", Optional.of(g), Map.of("ASID", Integer.toHexString(asid)));
    byte[] seed = new byte[64];
    random.nextBytes(seed);
    memoryKeys.put(asid, seed);
    KeyStatus status = memory.activate(asid);
    if (status != KeyStatus.INSTALLED) {
      memoryKeys.remove(asid);
      throw new Refused(
          switch (status) {
            case WBINVD_REQUIRED -> FirmwareStatus.WBINVD_REQUIRED;
            case DFFLUSH_REQUIRED -> FirmwareStatus.DFFLUSH_REQUIRED;
            default -> FirmwareStatus.HWERROR_PLATFORM;
          },
          "The memory system answers " + status);
    }
    g.asid = asid;
  }

  private void deactivate(Guest g) {
    memory.deactivate(g.asid);
    byte[] seed = memoryKeys.remove(g.asid);
    if (seed != null) {
      java.util.Arrays.fill(seed, (byte) 0);
    }
    g.asid = 0;
  }

  private void update(Guest g, LaunchUpdateBuffer b) throws Refused {
    state(g, GuestState.LUPDATE);
    require(g.asid != 0, FirmwareStatus.INACTIVE, "It has no ASID");
    require(b.length() > 0 && b.length() % 16 == 0, FirmwareStatus.INVALID_LEN, "LENGTH is wrong");
    require(b.paddr() % 16 == 0, FirmwareStatus.INVALID_ADDRESS, "PADDR is not aligned");
    memory(b.paddr(), b.length(), false);
    ask("LAUNCH_UPDATE_DATA", Optional.of(g), Map.of());
    for (int at = 0; at < b.length(); at += 1 << 20) {
      byte[] piece = get(b.paddr() + at, Math.min(1 << 20, b.length() - at));
      g.digest.update(piece);
      memory.view(g.asid).write(b.paddr() + at, MemorySegment.ofArray(piece));
    }
  }

  private void measure(Guest g, LaunchMeasureBuffer b) throws Refused {
    state(g, GuestState.LUPDATE);
    require(b.measureLen() >= 48, FirmwareStatus.INVALID_LEN, "MEASURE_LEN is below 48");
    memory(b.measurePaddr(), 48, false);
    ask("LAUNCH_MEASURE", Optional.of(g), Map.of());
    byte[] nonce = new byte[16];
    random.nextBytes(nonce);
    g.measurement = g.keys.measure(API_MAJOR, API_MINOR, BUILD, g.policy, g.digest.digest(), nonce);
    put(b.measurePaddr(), g.measurement.toBytes());
    g.state = GuestState.LSECRET;
  }

  private void secret(Guest g, LaunchSecretBuffer b) throws Refused {
    state(g, GuestState.LSECRET);
    require(g.asid != 0, FirmwareStatus.INACTIVE, "It has no ASID");
    boolean fits =
        b.hdrLen() == PacketHeader.LAYOUT.byteSize()
            && b.guestLen() > 0
            && b.guestLen() % 16 == 0
            && b.guestLen() <= SECRET_BYTES
            && b.transLen() == b.guestLen();
    require(fits, FirmwareStatus.INVALID_LEN, "A length is wrong");
    require(b.guestPaddr() % 16 == 0, FirmwareStatus.INVALID_ADDRESS, "GUEST_PADDR is not aligned");
    memory(b.hdrPaddr(), b.hdrLen(), false);
    memory(b.guestPaddr(), b.guestLen(), false);
    memory(b.transPaddr(), b.transLen(), false);
    PacketHeader header = new PacketHeader(get(b.hdrPaddr(), b.hdrLen()));
    byte[] packet = get(b.transPaddr(), b.transLen());
    require(header.flags() == 0, FirmwareStatus.UNSUPPORTED, "FLAGS are set");
    require(
        g.keys.secretIsAuthentic(header, b.guestLen(), packet, g.measurement),
        FirmwareStatus.BAD_MEASUREMENT,
        "HDR.MAC is wrong");
    ask("LAUNCH_SECRET", Optional.of(g), Map.of());
    byte[] plain = g.keys.openSecret(header, packet);
    memory.view(g.asid).write(b.guestPaddr(), MemorySegment.ofArray(plain));
    java.util.Arrays.fill(plain, (byte) 0);
  }

  private byte[] get(long spa, int bytes) {
    byte[] out = new byte[bytes];
    memory.view(0).read(spa, MemorySegment.ofArray(out));
    return out;
  }

  private void put(long spa, byte[] bytes) {
    memory.view(0).write(spa, MemorySegment.ofArray(bytes));
  }

  // The memory's keys

  @Override
  public Optional<String> install(int asid, String engineName, MemorySegment key) {
    byte[] seed = memoryKeys.get(asid);
    if (seed == null && asid != 0) {
      return Optional.of("No guest owns ASID " + asid + ".");
    }
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-512");
      if (seed == null) {
        byte[] fresh = new byte[64];
        random.nextBytes(fresh);
        seed = fresh;
      }
      digest.update(seed);
      byte[] bytes = digest.digest(engineName.getBytes(java.nio.charset.StandardCharsets.UTF_8));
      key.copyFrom(MemorySegment.ofArray(bytes).asSlice(0, key.byteSize()));
      java.util.Arrays.fill(bytes, (byte) 0);
      return Optional.empty();
    } catch (NoSuchAlgorithmException e) {
      return Optional.of("No SHA-512");
    }
  }

  // For people

  @Override
  public Mailbox mailbox() {
    return this;
  }

  @Override
  public synchronized List<CommandRecord> history() {
    return List.copyOf(history.subList(Math.max(0, history.size() - 1000), history.size()));
  }

  @Override
  public synchronized PlatformInfo info() {
    return new PlatformInfo(
        API_MAJOR,
        API_MINOR,
        BUILD,
        state(),
        false,
        false,
        guests.values().stream()
            .map(g -> new PlatformInfo.Guest(g.handle, g.policy, g.asid, g.state))
            .toList());
  }

  @Override
  public synchronized CertificateSet certificates() {
    return new CertificateSet(
        keys.root().ark(),
        keys.root().ask(),
        initialized ? Optional.of(keys.chain()) : Optional.empty());
  }

  private void shutDown() {
    for (Guest g : List.copyOf(guests.values())) {
      if (g.asid != 0) {
        deactivate(g);
      }
      g.keys.close();
    }
    guests.clear();
    initialized = false;
  }

  @Override
  public synchronized void close() {
    shutDown();
    memory.setKeyInstaller(Optional.empty());
    keys.close();
    policyThreads.shutdownNow();
  }
}
