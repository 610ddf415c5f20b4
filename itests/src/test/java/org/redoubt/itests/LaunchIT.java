package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Hashtable;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Constants;
import org.osgi.framework.ServiceRegistration;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.firmware.CommandRecord;
import org.redoubt.api.guest.GuestLoader;
import org.redoubt.api.guest.LaunchPlan;
import org.redoubt.api.guest.LaunchRequest;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.Launch;
import org.redoubt.api.vm.LaunchSession;
import org.redoubt.api.vm.Vm;
import org.redoubt.api.vm.VmConfig;
import org.redoubt.crypto.P384PrivateKey;
import org.redoubt.crypto.TransportKeys;
import org.redoubt.itests.container.InsideRedoubt;
import org.redoubt.owner.OwnerSession;
import org.redoubt.owner.SecretPacket;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.Mailbox;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.cert.Algorithm;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.cert.Usage;

/** Launches with an owner, through the real hypervisor and the real firmware. */
@ExtendWith(InsideRedoubt.class)
class LaunchIT {
  private static final GuestPolicy POLICY = new GuestPolicy(1);

  /** Writes 16 bytes of the secret area to the serial line, then 0 to the debug-exit port. */
  static final String SAY_SECRET = "be10300100 66baf803 b910000000 ac ee e2fc b000 e6f4 f4 ebfd";

  private static final long SECRET_GPA = 0x1_3010;

  private final SecureRandom random = new SecureRandom();
  private Hypervisor hypervisor;
  @TempDir private Path folder;

  @BeforeEach
  void find() {
    hypervisor = Services.get(Hypervisor.class);
  }

  @AfterEach
  void shouldLeaveNoGuestBehind() throws Exception {
    for (Vm vm : hypervisor.vms()) {
      vm.close();
    }
    assertEquals(List.of(), hypervisor.secureProcessor().info().guests());
  }

  private VmConfig config(String name, Map<String, String> options) throws Exception {
    Path kernel = folder.resolve("kernel");
    if (!Files.exists(kernel)) {
      Files.write(kernel, HandMadeKernel.of(SAY_SECRET));
    }
    return new VmConfig(
        name,
        kernel,
        Optional.empty(),
        "",
        64L << 20,
        1,
        VmConfig.Protection.SEV,
        Optional.empty(),
        Optional.empty(),
        "EPYC",
        Optional.empty(),
        16L << 20,
        false,
        false,
        options);
  }

  private VmConfig config(String name) throws Exception {
    return config(name, Map.of());
  }

  private OwnerSession session(GuestPolicy policy) throws Exception {
    return OwnerSession.start(hypervisor.platformChain().pdh(), policy, random);
  }

  private static LaunchSession forHost(OwnerSession session) {
    return new LaunchSession(session.dhCertificate().toBytes(), session.blob().toBytes());
  }

  private static byte[] secret() {
    return "open sesame 1234".getBytes(StandardCharsets.US_ASCII);
  }

  private TransportKeys.Packet packet(OwnerSession session, Launch launch) throws Exception {
    return SecretPacket.seal(session.keys(), launch.measurement(), secret(), random);
  }

  private static void send(Launch launch, TransportKeys.Packet packet) throws HypervisorException {
    launch.secret(packet.header().toBytes(), packet.ciphertext());
  }

  private void assertNothingLeft(String where) throws Exception {
    assertEquals(List.of(), hypervisor.vms(), where);
    assertEquals(List.of(), hypervisor.secureProcessor().info().guests(), where);
  }

  @Test
  void shouldBringTheOwnersSecretIntoTheGuest() throws Exception {
    try (OwnerSession session = session(POLICY);
        Vm vm = hypervisor.create(config("vm"), forHost(session))) {
      Launch launch = vm.launch().orElseThrow();
      assertEquals(
          GuestState.LSECRET, hypervisor.secureProcessor().info().guests().getFirst().state());
      send(launch, packet(session, launch));
      var out = new java.io.ByteArrayOutputStream();
      vm.console().attach(out);
      vm.start();
      assertEquals(0, vm.await(Duration.ofMinutes(5)).orElseThrow().exitCode());
      Services.await(
          "the secret on the console",
          () -> out.toString(StandardCharsets.US_ASCII).equals("open sesame 1234"));
      assertEquals(
          GuestState.RUNNING, hypervisor.secureProcessor().info().guests().getFirst().state());
    }
  }

  // Bad sessions

  /** A session that must not be taken. */
  private record Bad(String name, GuestPolicy policy, LaunchSession session, String words) {}

  private List<Bad> badSessions() throws Exception {
    List<Bad> rows = new ArrayList<>();
    try (P384PrivateKey otherChip = P384PrivateKey.generate(random);
        OwnerSession foreign =
            OwnerSession.start(
                SevCertificate.unsigned(
                    1,
                    55,
                    Usage.PDH,
                    Algorithm.ECDH_SHA256,
                    otherChip.publicKey().qx(),
                    otherChip.publicKey().qy()),
                POLICY,
                random);
        OwnerSession good = session(POLICY);
        OwnerSession second = session(POLICY)) {
      rows.add(
          new Bad(
              "another platform", POLICY, forHost(foreign), "BAD_MEASUREMENT: SESSION.WRAP_MAC"));
      rows.add(
          new Bad(
              "another policy",
              new GuestPolicy(0),
              forHost(good),
              "BAD_MEASUREMENT: SESSION.POLICY_MAC"));
      rows.add(
          new Bad(
              "certificate of another session",
              POLICY,
              new LaunchSession(second.dhCertificate().toBytes(), good.blob().toBytes()),
              "BAD_MEASUREMENT: SESSION.WRAP_MAC"));
      LaunchSession whole = forHost(good);
      byte[] blob = whole.session();
      for (int at : new int[] {0, 16, 47, 48, 64, 95, 96, 127}) {
        byte[] flipped = blob.clone();
        flipped[at] ^= 0x10;
        rows.add(
            new Bad(
                "session byte " + at + " flipped",
                POLICY,
                new LaunchSession(whole.dhCertificate(), flipped),
                "BAD_MEASUREMENT"));
      }
      rows.add(
          new Bad(
              "short session",
              POLICY,
              new LaunchSession(whole.dhCertificate(), Arrays.copyOf(blob, 127)),
              "INVALID_LEN: SESSION_LEN"));
      rows.add(
          new Bad(
              "short certificate",
              POLICY,
              new LaunchSession(Arrays.copyOf(whole.dhCertificate(), 2083), blob),
              "INVALID_LEN: DH_CERT_LEN"));
      rows.add(
          new Bad(
              "no certificate",
              POLICY,
              new LaunchSession(new byte[2084], blob),
              "INVALID_CERTIFICATE"));
    }
    return rows;
  }

  @Test
  void shouldRefuseEachBadSessionInOneLineAndLeaveNothing() throws Exception {
    for (Bad bad : badSessions()) {
      VmConfig config = config("vm", Map.of("policy", "0x%x".formatted(bad.policy.bits())));
      HypervisorException refused =
          assertThrows(
              HypervisorException.class,
              () -> hypervisor.create(config, bad.session),
              () -> bad.name);
      String line = String.valueOf(refused.getMessage());
      assertTrue(line.startsWith("The secure processor refused LAUNCH_START with "), line);
      assertTrue(line.contains(bad.words), () -> bad.name + ": " + line);
      assertFalse(line.contains("\n"), line);
      assertNothingLeft(bad.name);
      CommandRecord record =
          hypervisor.secureProcessor().history().stream()
              .filter(r -> r.name().equals("LAUNCH_START"))
              .reduce((first, last) -> last)
              .orElseThrow();
      assertTrue(line.endsWith(record.reason()), () -> "psp:history has it too: " + record);
    }
    try (OwnerSession session = session(POLICY);
        Vm vm = hypervisor.create(config("vm"), forHost(session))) {
      assertEquals(1, vm.asid(), "every ASID is free");
    }
  }

  @Test
  void shouldRefuseASessionForAPdhThatWasReplaced() throws Exception {
    try (OwnerSession stale = session(POLICY)) {
      var mailbox = hypervisor.secureProcessor().mailbox();
      mailbox.write(Mailbox.CMDRESP, Mailbox.commandWord(SevCommand.PDH_GEN.id(), false));
      assertEquals(0, Mailbox.status(mailbox.read(Mailbox.CMDRESP)));
      HypervisorException refused =
          assertThrows(
              HypervisorException.class, () -> hypervisor.create(config("vm"), forHost(stale)));
      assertTrue(
          String.valueOf(refused.getMessage()).contains("BAD_MEASUREMENT: SESSION.WRAP_MAC"),
          refused.getMessage());
      assertNothingLeft("stale");
    }
  }

  /** A host can replay a session: the firmware keeps none. It gains nothing by it. */
  @Test
  void shouldGiveNoSecretToAReplayedSession() throws Exception {
    try (OwnerSession session = session(POLICY)) {
      TransportKeys.Packet packet;
      try (Vm first = hypervisor.create(config("first"), forHost(session))) {
        packet = packet(session, first.launch().orElseThrow());
        send(first.launch().orElseThrow(), packet);
      }
      try (Vm again = hypervisor.create(config("again"), forHost(session))) {
        Launch launch = again.launch().orElseThrow();
        assertRefused(launch, packet);
      }
    }
  }

  // Bad secrets

  private static void assertRefused(Launch launch, TransportKeys.Packet packet) {
    assertRefused(launch, packet.header().toBytes(), packet.ciphertext(), "BAD_MEASUREMENT");
  }

  private static void assertRefused(
      Launch launch, byte[] header, byte[] ciphertext, String status) {
    HypervisorException refused =
        assertThrows(HypervisorException.class, () -> launch.secret(header, ciphertext));
    String line = String.valueOf(refused.getMessage());
    assertTrue(line.startsWith("The secure processor refused LAUNCH_SECRET with " + status), line);
    assertEquals(0, launch.secretBytes());
  }

  @Test
  void shouldRefuseASecretOfAnotherGuestPacketOrAddress() throws Exception {
    try (OwnerSession mine = session(POLICY);
        OwnerSession other = session(POLICY);
        Vm vm = hypervisor.create(config("vm"), forHost(mine));
        Vm neighbour = hypervisor.create(config("neighbour"), forHost(other))) {
      Launch launch = vm.launch().orElseThrow();
      assertRefused(launch, packet(other, neighbour.launch().orElseThrow()));
      assertRefused(launch, packet(mine, neighbour.launch().orElseThrow()));
      TransportKeys.Packet good = packet(mine, launch);
      byte[] header = good.header().toBytes();
      for (int at = 4; at < header.length; at++) {
        byte[] flipped = header.clone();
        flipped[at] ^= 1;
        assertRefused(launch, flipped, good.ciphertext(), "BAD_MEASUREMENT");
      }
      byte[] bent = good.ciphertext().clone();
      bent[3] ^= 1;
      assertRefused(launch, header, bent, "BAD_MEASUREMENT");
      assertRefused(launch, header, new byte[15], "INVALID_LEN");
      assertRefused(launch, new byte[51], good.ciphertext(), "INVALID_LEN");
      for (long gpa : new long[] {0, SECRET_GPA - 16, SECRET_GPA + 1024 - 15, 1L << 40, -16}) {
        HypervisorException refused =
            assertThrows(
                HypervisorException.class, () -> launch.secret(gpa, header, good.ciphertext()));
        assertTrue(
            String.valueOf(refused.getMessage()).endsWith("this guest has room for 1024 at 13010h"),
            refused.getMessage());
      }
      assertEquals(0, launch.secretBytes());
      send(launch, good); // none of that has done any harm
      assertEquals(16, launch.secretBytes());
      vm.start();
      assertThrows(HypervisorException.class, () -> send(launch, good));
    }
  }

  // A host that lies, before the owner that 'run' and 'vm:create' play

  /** Launches what it was asked for, but for one byte. */
  private static final class LyingLoader implements GuestLoader {
    private final GuestLoader honest;
    private final String region;

    LyingLoader(GuestLoader honest, String region) {
      this.honest = honest;
      this.region = region;
    }

    @Override
    public boolean accepts(byte[] head) {
      return honest.accepts(head);
    }

    @Override
    public LaunchPlan plan(LaunchRequest request) throws HypervisorException {
      LaunchPlan plan = honest.plan(request);
      return new LaunchPlan(
          plan.regions().stream().map(this::bent).toList(), plan.entry(), plan.secret());
    }

    private LaunchPlan.Region bent(LaunchPlan.Region r) {
      if (!r.name().equals(region)) {
        return r;
      }
      byte[] bytes = r.bytes().toArray(ValueLayout.JAVA_BYTE);
      bytes[bytes.length - 1] ^= 1;
      return new LaunchPlan.Region(r.name(), r.gpa(), MemorySegment.ofArray(bytes));
    }
  }

  @Test
  void shouldNotStartAGuestThatTheOwnerDidNotAskFor() throws Exception {
    GuestLoader honest = Services.get(GuestLoader.class);
    Path kernel = config("vm").kernel();
    String create = "vm:create --protection sev --memory 64M --kernel " + kernel;
    for (String region : List.of("bios-data", "cmdline", "secret", "kernel", "acpi")) {
      Hashtable<String, Object> properties = new Hashtable<>();
      properties.put(GuestLoader.LOADER_NAME, "liar");
      properties.put(Constants.SERVICE_RANKING, 1000);
      ServiceRegistration<GuestLoader> liar =
          Services.context()
              .registerService(GuestLoader.class, new LyingLoader(honest, region), properties);
      try {
        AssertionError refused = assertThrows(AssertionError.class, () -> new Shell().run(create));
        String line = String.valueOf(refused.getMessage());
        assertTrue(line.contains("The owner refuses the launch: Region " + region + " at "), line);
        assertNothingLeft(region);
      } finally {
        liar.unregister();
      }
    }
    new Shell().run(create);
    assertEquals(1, hypervisor.vms().size());
  }

  // Two hundred in a row

  @Test
  void shouldLeakNoAsidKeyOrMemoryOverTwoHundredGuests() throws Exception {
    VmConfig small = config("keeper", Map.of("host.dram", "1024"));
    try (OwnerSession session = session(POLICY);
        Vm keeper = hypervisor.create(small, forHost(session))) {
      long dram = 0;
      long heap = 0;
      for (int i = 0; i < 200; i++) {
        try (Vm vm = hypervisor.create(config("guest"), forHost(session))) {
          assertEquals(2, vm.asid(), "guest " + i);
          send(vm.launch().orElseThrow(), packet(session, vm.launch().orElseThrow()));
          if (i % 50 == 0) {
            vm.start();
            assertEquals(0, vm.await(Duration.ofMinutes(5)).orElseThrow().exitCode());
          }
        }
        assertEquals(1, hypervisor.secureProcessor().info().guests().size(), "guest " + i);
        if (i == 50) {
          dram = touched(keeper);
          heap = usedHeap();
        }
      }
      assertTrue(
          keeper.memory().suspension(2).isPresent() || keyIsGone(keeper), "the last one's key");
      assertEquals(dram, touched(keeper), "pages of DRAM in use");
      long grown = usedHeap() - heap;
      assertTrue(grown < 16 << 20, () -> "the heap has grown by " + grown);
      System.out.printf(
          "200 guests: %d pages of DRAM in use before and after, heap grown by %d KiB%n",
          dram, grown >> 10);
    }
  }

  private static boolean keyIsGone(Vm keeper) {
    try {
      byte[] block = new byte[16];
      keeper.memory().view(2).read(keeper.spa(0x1000).orElseThrow(), MemorySegment.ofArray(block));
      return false;
    } catch (RuntimeException e) {
      return true;
    }
  }

  private static long touched(Vm vm) {
    return vm.memory().config().addressMap().dram().stream()
        .flatMap(range -> Stream.iterate(range.spa(), spa -> spa < range.end(), spa -> spa + 4096))
        .filter(spa -> vm.memory().pageInfo(spa).touched())
        .count();
  }

  private static long usedHeap() {
    for (int i = 0; i < 3; i++) {
      System.gc();
    }
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }

  // Commands

  @Test
  void shouldShowALaunchAndTakeAPacketInTheShell() throws Exception {
    try (OwnerSession session = session(POLICY)) {
      OwnerSession.SessionFiles files = session.save(folder, "s");
      Shell shell = new Shell();
      Path image = folder.resolve("image");
      String created =
          shell.run(
              "vm:create --name boat --memory 64M --kernel %s --session %s --dh-cert %s --launch-image %s"
                  .formatted(config("x").kernel(), files.session(), files.dhCertificate(), image));
      assertTrue(created.endsWith("boat\n"), created);
      Launch launch = hypervisor.vm("boat").orElseThrow().launch().orElseThrow();
      assertArrayEquals(
          launch.log().getLast().digest(),
          java.security.MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(image)));
      String shown = shell.run("vm:launch boat --log " + folder.resolve("log"));
      for (String words :
          List.of(
              "kernel       0x1000000",
              "Policy       00000001h: no debugging",
              "Session      the owner's",
              "Secret       room for 1024 bytes at 13010h; 0 delivered")) {
        assertTrue(shown.contains(words), () -> words + " in " + shown);
      }
      TransportKeys.Packet packet = packet(session, launch);
      Path header = Files.write(folder.resolve("h"), packet.header().toBytes());
      Path payload = Files.write(folder.resolve("p"), packet.ciphertext());
      String line = "vm:secret boat %s %s".formatted(header, payload);
      AssertionError elsewhere =
          assertThrows(AssertionError.class, () -> shell.run(line + " --gpa 0x5000"));
      assertTrue(
          String.valueOf(elsewhere.getMessage()).contains("room for 1024 at 13010h"),
          elsewhere.getMessage());
      assertEquals("Secret       the owner's 16 bytes delivered to 13010h\n", shell.run(line));
      shell.run("vm:start boat");
      AssertionError late = assertThrows(AssertionError.class, () -> shell.run(line));
      assertTrue(
          String.valueOf(late.getMessage()).contains("The launch is over"), late.getMessage());
      assertTrue(shell.run("vm:launch boat").contains("16 delivered, launch finished"));
      AssertionError gone =
          assertThrows(AssertionError.class, () -> shell.run("vm:launch boat --image " + image));
      assertTrue(
          String.valueOf(gone.getMessage()).contains("its image is not kept"), gone.getMessage());
    }
  }

  @Test
  void shouldRefuseBadLaunchOptionsInOneLine() throws Exception {
    String kernel = config("x").kernel().toString();
    Path big = Files.write(folder.resolve("big"), new byte[2000]);
    Path none = Files.write(folder.resolve("none"), new byte[0]);
    String[][] rows = {
      {"--policy 0x100000000", "32 bits"},
      {"--policy nix", "'nix' is no policy"},
      {"--policy 0x40", "reserved bits"},
      {"--policy 0x5", "POLICY.ES"},
      {"--policy 0xff020000", "POLICY.API"},
      {"--session s", "--session and --dh-cert go together"},
      {"--session /nowhere --dh-cert /nowhere", "/nowhere"},
      {"--session K --dh-cert K", "K holds neither 2084 bytes nor their base64"},
      {"--session s --dh-cert d --secret s", "the owner's business"},
      {"--secret /nowhere", "/nowhere"},
      {"--secret " + big, "has 2000 bytes; there is room for 1 to 1024"},
      {"--secret " + none, "has 0 bytes; there is room for 1 to 1024"},
      {"--secret K --no-secret", "exclude each other"},
      {"--ark K", "a root has"},
      {"--launch-log /nowhere/log", "/nowhere/log"},
      {"--launch-image /nowhere/image", "/nowhere/image"},
      {"--measurement /nowhere/m", "/nowhere/m"},
      {"--protection none --no-secret", "need an encrypted guest"},
    };
    Shell shell = new Shell();
    for (String[] row : rows) {
      String line = "vm:create --memory 64M --kernel K ".concat(row[0]).replace("K", kernel);
      AssertionError refused =
          assertThrows(AssertionError.class, () -> shell.run(line), () -> line);
      String message = String.valueOf(refused.getMessage());
      assertTrue(message.contains(row[1].replace("K", kernel)), message);
      assertEquals(1, message.lines().count(), message);
      assertNothingLeft(line);
    }
  }
}
