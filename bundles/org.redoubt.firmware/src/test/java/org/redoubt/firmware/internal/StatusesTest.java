package org.redoubt.firmware.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.redoubt.api.firmware.SecureProcessorConfig.NamedPolicy;
import org.redoubt.crypto.P384PrivateKey;
import org.redoubt.crypto.TransportKeys;
import org.redoubt.firmware.internal.command.SevCommands;
import org.redoubt.firmware.internal.keys.GuestKeys;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.PacketHeader;
import org.redoubt.struct.Field;

/**
 * Runs every row of {@code statuses.tsv}: a command that would succeed, with the row's fault put
 * in. Then pairs of rows of a command, each row with the next ones whose fault is about something
 * else: the one that comes first in the file must win. A refused command changes neither the
 * firmware's state nor memory.
 */
final class StatusesTest {
  private static final GuestPolicy POLICY = new GuestPolicy(0x0001_0000);

  /** With how many later rows each is combined: {@code -Dstatuses.partners=99} for all. */
  private static final int PARTNERS = Integer.getInteger("statuses.partners", 2);

  static final long NOT_MEMORY = 1L << 40;

  private static final Set<SevCommand> KEEP_STATE =
      EnumSet.of(
          SevCommand.INIT,
          SevCommand.PLATFORM_RESET,
          SevCommand.PEK_GEN,
          SevCommand.PDH_GEN,
          SevCommand.PDH_CERT_EXPORT,
          SevCommand.PEK_CERT_IMPORT,
          SevCommand.DOWNLOAD_FIRMWARE,
          SevCommand.INIT_EX,
          SevCommand.SEND_START);

  /** Commands that the maker's certificates matter to. */
  private static final Set<SevCommand> KNOW_MAKER =
      EnumSet.of(SevCommand.DOWNLOAD_FIRMWARE, SevCommand.SEND_START, SevCommand.PDH_CERT_EXPORT);

  @TempDir Path folder;
  private int hosts;

  /** A row of the file. */
  record Row(SevCommand command, int order, FirmwareStatus status, String source, String cause) {
    String key() {
      return command + "/" + order;
    }
  }

  /**
   * How to bring a row about.
   *
   * @param subject what it changes, several joined by +: two faults with a common subject are not
   *     combined
   */
  record Fault(String subject, Consumer<Attempt> change) {
    boolean combinesWith(Fault other) {
      return java.util.Collections.disjoint(
          List.of(subject.split("\\+")), List.of(other.subject.split("\\+")));
    }
  }

  /** A command about to be issued. */
  static final class Attempt {
    final Host host;
    final SevCommand command;
    final Path state;
    final MemorySegment buffer;
    long bufferSpa;
    int handle;

    /** The key of whoever is to own the platform. */
    final P384PrivateKey oca;

    Attempt(Host host, SevCommand command, Path state) {
      this.host = host;
      this.oca = P384PrivateKey.generate(host.random);
      this.command = command;
      this.state = state;
      this.buffer = MemorySegment.ofArray(new byte[command.bufferBytes()]);
      this.bufferSpa = command.bufferBytes() == 0 ? 0 : Host.BUFFER;
    }

    void set(String field, long value) {
      Field.of(layout(command), field).set(buffer, value);
    }

    Guest guest() {
      return host.platform().guest(handle).orElseThrow();
    }
  }

  private static StructLayout layout(SevCommand command) {
    return SevCommands.all().stream()
        .filter(c -> c.id() == command)
        .flatMap(c -> c.layout().stream())
        .findFirst()
        .orElseThrow();
  }

  private static List<String[]> lines() {
    try (var in = StatusesTest.class.getResourceAsStream("/statuses.tsv")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8)
          .lines()
          .filter(l -> !l.startsWith("#"))
          .map(l -> l.split("\t", -1))
          .toList();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private static List<Row> rows() {
    return lines().stream()
        .filter(l -> !l[0].equals("ANY"))
        .map(l ->
            new Row(
                SevCommand.valueOf(l[0]),
                Integer.parseInt(l[1]),
                FirmwareStatus.valueOf(l[2]),
                l[3],
                l[4]))
        .toList();
  }

  // A command that would succeed

  private Attempt prepare(SevCommand command) {
    Path state = folder.resolve("chip" + hosts++);
    if (KNOW_MAKER.contains(command)) {
      Roots.into(state);
    }
    boolean keeps = KEEP_STATE.contains(command); // the others need no disk
    Host host = new Host(keeps ? Optional.of(state) : Optional.empty());
    Attempt a = new Attempt(host, command, state);
    if (Faults.prepare(a)) {
      return a;
    }
    switch (command) {
      case INIT -> {
        a.set("FLAGS", 1);
        a.set("TMR_PADDR", 1 << 20);
        a.set("TMR_LENGTH", 1 << 20);
      }
      case PLATFORM_RESET, PLATFORM_STATUS -> {}
      case GET_ID -> {
        a.set("ID_PADDR", Host.OUT);
        a.set("ID_LEN", 64);
      }
      case SHUTDOWN, PEK_GEN, PDH_GEN, DF_FLUSH -> host.init();
      case PDH_CERT_EXPORT -> {
        host.init();
        a.set("PDH_CERT_PADDR", Host.OUT);
        a.set("PDH_CERT_LEN", 2084);
        a.set("CERTS_PADDR", Host.GUEST);
        a.set("CERTS_LEN", 6252);
      }
      case LAUNCH_START, RECEIVE_START -> {
        host.init();
        Host.Owner owner = host.owner(POLICY);
        host.put(Host.CERT, owner.dhCert().toBytes());
        host.put(Host.SESSION, owner.session().toBytes());
        Host.startBuffer(POLICY).write(a.buffer);
      }
      default -> prepareGuest(a);
    }
    return a;
  }

  private static void prepareGuest(Attempt a) {
    Host host = a.host.init();
    Host.Owner owner = host.owner(POLICY);
    a.handle = host.launchStart(POLICY, owner);
    a.set("HANDLE", a.handle);
    switch (a.command) {
      case DECOMMISSION, GUEST_STATUS -> {}
      case ACTIVATE -> a.set("ASID", 4);
      case DEACTIVATE -> host.activate(a.handle, 4);
      case LAUNCH_UPDATE_DATA -> {
        host.activate(a.handle, 4);
        a.set("PADDR", Host.GUEST);
        a.set("LENGTH", 0x1000);
      }
      case LAUNCH_MEASURE -> {
        a.set("MEASURE_PADDR", Host.OUT);
        a.set("MEASURE_LEN", 48);
      }
      case LAUNCH_SECRET -> {
        host.activate(a.handle, 4);
        host.update(a.handle);
        TransportKeys.Packet p =
            owner.keys().sealSecret(new byte[64], new byte[16], host.measure(a.handle));
        host.put(Host.HEADER, p.header().toBytes());
        host.put(Host.PACKET, p.ciphertext());
        a.set("HDR_PADDR", Host.HEADER);
        a.set("HDR_LEN", 52);
        a.set("GUEST_PADDR", Host.GUEST);
        a.set("GUEST_LEN", 64);
        a.set("TRANS_PADDR", Host.PACKET);
        a.set("TRANS_LEN", 64);
      }
      case LAUNCH_FINISH -> host.measure(a.handle);
      default -> throw new AssertionError(a.command + " has no preparation");
    }
  }

  // The faults, one for each row

  private static Map<String, Fault> faults() {
    Map<String, Fault> f = new TreeMap<>();
    for (Row r : rows()) {
      Fault common = common(r);
      if (common != null) {
        f.put(r.key(), common);
      }
    }
    own(f);
    return f;
  }

  private static @org.jspecify.annotations.Nullable Fault common(Row r) {
    return switch (r.cause()) {
      case "the platform is in a state in which the command may not run" ->
          new Fault("platform", StatusesTest::wrongPlatformState);
      case "the command buffer is not in memory" ->
          new Fault("buffer", a -> a.bufferSpa = NOT_MEMORY);
      case "a reserved byte of the buffer is set" ->
          new Fault(
              "reserved",
              a -> {
                for (String n : List.of("RESERVED", "RESERVED_3")) {
                  var layout = layout(a.command);
                  if (layout.memberLayouts().stream()
                      .anyMatch(m -> m.name().equals(Optional.of(n)))) {
                    a.buffer.set(
                        java.lang.foreign.ValueLayout.JAVA_BYTE,
                        Field.of(layout, n).offset() + 3,
                        (byte) 0x80);
                    return;
                  }
                }
                throw new AssertionError("no reserved member");
              });
      case "no guest has the handle" -> new Fault("handle", a -> a.set("HANDLE", 999_999));
      case "the guest is in a state in which the command may not run" ->
          new Fault("guest state", a -> a.guest().setState(wrongState(a.command)));
      case "the guest has no ASID" ->
          new Fault("asid", a -> a.host.platform().deactivate(a.guest()));
      case "the guest has an ASID" ->
          new Fault("activity", a -> a.host.platform().activate(a.guest(), 300));
      case "a policy service refuses" ->
          new Fault(
              "policy",
              a -> a.host.policies.add(new NamedPolicy("never", q -> Optional.of("never"))));
      case "the state folder cannot be used" -> new Fault("folder", StatusesTest::breakFolder);
      default -> null;
    };
  }

  private static GuestState wrongState(SevCommand command) {
    Command c = SevCommands.all().stream().filter(x -> x.id() == command).findFirst().orElseThrow();
    return c.guestStates().contains(GuestState.RUNNING) ? GuestState.LUPDATE : GuestState.RUNNING;
  }

  private static void wrongPlatformState(Attempt a) {
    switch (a.command) {
      case INIT, PLATFORM_RESET, INIT_EX, DOWNLOAD_FIRMWARE -> a.host.init();
      case PEK_GEN, PEK_CSR, PEK_CERT_IMPORT -> a.host.launchStartUnattested(0);
      default -> a.host.issue(SevCommand.SHUTDOWN);
    }
  }

  private static void breakFolder(Attempt a) {
    try (Stream<Path> files = Files.walk(a.state)) {
      for (Path p : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(p);
      }
      Files.createFile(a.state);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private static void own(Map<String, Fault> f) {
    f.put("INIT/4", new Fault("flags", a -> a.set("FLAGS", 3)));
    f.put("INIT/5", new Fault("tmr length", a -> a.set("TMR_LENGTH", (1 << 20) - 1)));
    f.put("INIT/6", new Fault("tmr address", a -> a.set("TMR_PADDR", 0x1000)));
    f.put("INIT/7", new Fault("tmr address", a -> a.set("TMR_PADDR", NOT_MEMORY)));
    f.put(
        "INIT/9",
        new Fault(
            "folder",
            a -> {
              use(a);
              write(a.state.resolve("platform.sealed"));
            }));
    f.put(
        "INIT/10",
        new Fault(
            "folder",
            a -> {
              use(a);
              Faults.rollBack(a.state);
            }));
    f.put(
        "INIT/11",
        new Fault(
            "folder",
            a -> {
              use(a);
              delete(a.state.resolve("platform.sealed"));
            }));
    Faults.own(f);
    f.put("PDH_CERT_EXPORT/4", new Fault("length", a -> a.set("CERTS_LEN", 6251)));
    f.put("PDH_CERT_EXPORT/5", new Fault("address", a -> a.set("CERTS_PADDR", -16)));
    f.put("PDH_CERT_EXPORT/6", new Fault("address", a -> a.set("CERTS_PADDR", Host.OUT + 2083)));
    f.put(
        "PDH_CERT_EXPORT/7",
        new Fault(
            "folder",
            a ->
                List.of("root.ark", "root.ask", "root.key")
                    .forEach(n -> write(a.state.resolve(n)))));
    f.put("GET_ID/2", new Fault("length", a -> a.set("ID_LEN", 63)));
    f.put("GET_ID/3", new Fault("address", a -> a.set("ID_PADDR", (1 << 21) - 63)));
    f.put("DF_FLUSH/2", new Fault("caches", StatusesTest::useAndDeactivate));
    f.put("ACTIVATE/5", new Fault("asid field", a -> a.set("ASID", 510)));
    f.put(
        "ACTIVATE/6",
        new Fault(
            "asid",
            a ->
                a.host
                    .platform()
                    .activate(
                        a.host.platform().guest(a.host.launchStartUnattested(0)).orElseThrow(),
                        4)));
    f.put("ACTIVATE/8", new Fault("asid", StatusesTest::useAndDeactivate));
    f.put(
        "ACTIVATE/9",
        new Fault(
            "asid",
            a -> {
              useAndDeactivate(a);
              a.host.memory.wbinvd();
            }));
    f.put(
        "ACTIVATE/10",
        new Fault("installer", a -> a.host.memory.setKeyInstaller(Optional.empty())));
    start(f, "LAUNCH_START/");
    start(f, "RECEIVE_START/");
    f.put("LAUNCH_UPDATE_DATA/7", new Fault("length", a -> a.set("LENGTH", 8)));
    f.put("LAUNCH_UPDATE_DATA/8", new Fault("address", a -> a.set("PADDR", Host.GUEST + 8)));
    f.put("LAUNCH_UPDATE_DATA/9", new Fault("address", a -> a.set("PADDR", (1 << 21) - 16)));
    f.put("LAUNCH_UPDATE_DATA/10", new Fault("address", a -> a.set("PADDR", Host.BUFFER)));
    f.put("LAUNCH_MEASURE/6", new Fault("length", a -> a.set("MEASURE_LEN", 47)));
    f.put("LAUNCH_MEASURE/7", new Fault("address", a -> a.set("MEASURE_PADDR", NOT_MEMORY)));
    f.put("LAUNCH_SECRET/7", new Fault("hdr length", a -> a.set("HDR_LEN", 51)));
    f.put("LAUNCH_SECRET/8", new Fault("guest length", a -> a.set("GUEST_LEN", 0x8000_0000L)));
    f.put("LAUNCH_SECRET/9", new Fault("trans length", a -> a.set("TRANS_LEN", 80)));
    f.put(
        "LAUNCH_SECRET/10", new Fault("guest address", a -> a.set("GUEST_PADDR", Host.GUEST + 4)));
    f.put("LAUNCH_SECRET/11", new Fault("trans address", a -> a.set("TRANS_PADDR", NOT_MEMORY)));
    f.put("LAUNCH_SECRET/12", new Fault("hdr address", a -> a.set("HDR_PADDR", Host.PACKET - 51)));
    f.put("LAUNCH_SECRET/13", new Fault("flags", a -> flags(a, 2)));
    f.put("LAUNCH_SECRET/14", new Fault("flags", a -> flags(a, PacketHeader.FLAG_COMPRESSED)));
    f.put("LAUNCH_SECRET/15", new Fault("mac", a -> flip(a.host, Host.PACKET)));
  }

  private static void start(Map<String, Fault> f, String c) {
    f.put(c + 4, new Fault("policy bits", a -> a.set("POLICY", 0x0001_0040)));
    f.put(c + 5, new Fault("policy bits", a -> a.set("POLICY", 0x3801_0000)));
    f.put(c + 6, new Fault("policy bits", a -> a.set("POLICY", 0x0001_0004)));
    f.put(c + 7, new Fault("handle", a -> a.set("HANDLE", 999_999)));
    f.put(c + 8, new Fault("handle", a -> a.set("HANDLE", a.host.launchStartUnattested(2))));
    f.put(
        c + 9,
        new Fault(
            "room",
            a -> {
              Platform p = a.host.platform();
              while (p.hasRoom()) {
                p.add(
                    POLICY,
                    GuestKeys.fresh(TransportKeys.generate(a.host.random), a.host.random),
                    GuestState.LUPDATE);
              }
            }));
    f.put(c + 10, new Fault("cert length", a -> a.set("DH_CERT_LEN", 2085)));
    f.put(c + 11, new Fault("session length", a -> a.set("SESSION_LEN", 127)));
    f.put(c + 12, new Fault("cert address", a -> a.set("DH_CERT_PADDR", NOT_MEMORY)));
    f.put(c + 13, new Fault("session address", a -> a.set("SESSION_PADDR", NOT_MEMORY)));
    f.put(c + 14, new Fault("session address", a -> a.set("SESSION_PADDR", Host.CERT + 1)));
    f.put(c + 15, new Fault("cert", a -> flip(a.host, Host.CERT + 0x14)));
    f.put(c + 16, new Fault("wrap", a -> flip(a.host, Host.SESSION + 0x40)));
    f.put(c + 17, new Fault("policy mac", a -> flip(a.host, Host.SESSION + 0x60)));
  }

  /** Has the chip keep a state. */
  private static void use(Attempt a) {
    try (Host once = new Host(Optional.of(a.state))) {
      once.init();
    }
  }

  static void must(Host host, SevCommand command, Consumer<MemorySegment> fill) {
    FirmwareStatus status = host.issue(command, fill);
    if (status != FirmwareStatus.SUCCESS) {
      throw new AssertionError(command + ": " + status + ": " + host.lastReason());
    }
  }

  private static void delete(Path file) {
    try {
      Files.delete(file);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  static void useAndDeactivate(Attempt a) {
    Platform p = a.host.platform();
    Guest other =
        p.add(
            POLICY,
            GuestKeys.fresh(TransportKeys.generate(a.host.random), a.host.random),
            GuestState.LUPDATE);
    p.activate(other, 4);
    p.deactivate(other);
  }

  private static void flags(Attempt a, int flags) {
    byte[] raw = a.host.get(Host.HEADER, 52);
    raw[0] = (byte) flags;
    a.host.put(Host.HEADER, raw);
  }

  static void flip(Host host, long spa) {
    byte[] b = host.get(spa, 1);
    b[0] ^= 1;
    host.put(spa, b);
  }

  static void write(Path file) {
    try {
      Files.write(file, new byte[100]);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  // The tests

  @Test
  void shouldHaveAFaultForEveryRowAndARowForEveryFault() {
    assertEquals(
        new TreeSet<>(rows().stream().map(Row::key).toList()), new TreeSet<>(faults().keySet()));
    for (Row r : rows()) {
      assertTrue(List.of("Linux", "sev-tool", "virtee", "ours").contains(r.source()), r.key());
    }
    for (Command c : SevCommands.all()) {
      assertTrue(
          c.id() == SevCommand.NOP || rows().stream().anyMatch(r -> r.command() == c.id()),
          c.id() + " has no rows");
    }
  }

  @Test
  void shouldKnowAndNotKnowCommands() {
    try (Host host = new Host()) {
      Map<String, String> any = new TreeMap<>();
      lines().stream().filter(l -> l[0].equals("ANY")).forEach(l -> any.put(l[1], l[2]));
      assertEquals(Map.of("1", "INVALID_COMMAND", "2", "UNSUPPORTED"), any);
      List<SevCommand> here = SevCommands.all().stream().map(Command::id).toList();
      for (int id = 0; id < 0x800; id++) {
        Optional<SevCommand> c = SevCommand.of(id);
        if (c.isEmpty()) {
          assertEquals(FirmwareStatus.INVALID_COMMAND, host.issue(id, Host.BUFFER));
        } else if (!here.contains(c.get())) {
          assertEquals(FirmwareStatus.UNSUPPORTED, host.issue(id, Host.BUFFER));
        }
      }
    }
  }

  @TestFactory
  Stream<DynamicTest> shouldSucceedWithoutAFault() {
    return SevCommands.all().stream()
        .map(Command::id)
        .filter(c -> c != SevCommand.PDH_CERT_EXPORT) // takes seconds: see CertificatesTest
        .map(c ->
            DynamicTest.dynamicTest(
                c.name(),
                () -> {
                  Attempt a = prepare(c);
                  assertEquals(FirmwareStatus.SUCCESS, issue(a), a.host::lastReason);
                }));
  }

  private static FirmwareStatus issue(Attempt a) {
    if (a.bufferSpa == Host.BUFFER) {
      a.host.put(Host.BUFFER, a.buffer.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
    }
    return a.host.issue(a.command.id(), a.bufferSpa);
  }

  private void assertRefused(Row expected, List<Fault> faults) {
    Attempt a = prepare(expected.command());
    // A policy refuses what other faults need, so it comes last.
    faults.stream()
        .sorted(Comparator.comparing(f -> f.subject().equals("policy")))
        .forEach(f -> f.change().accept(a));
    if (a.bufferSpa == Host.BUFFER) {
      a.host.put(Host.BUFFER, a.buffer.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
    }
    String before = StateHash.of(a.host);
    byte[] memory = a.host.get(0x2000, (1 << 21) - 0x2000);
    assertEquals(expected.status(), issue(a), () -> expected.key() + ": " + a.host.lastReason());
    assertEquals(before, StateHash.of(a.host), () -> expected.key() + " changed the state");
    assertEquals(
        -1,
        java.util.Arrays.mismatch(memory, a.host.get(0x2000, (1 << 21) - 0x2000)),
        () -> expected.key() + " changed memory");
    assertFalse(a.host.lastReason().isEmpty());
    assertFalse(a.host.lastReason().startsWith("Bug"), a.host.lastReason());
    a.host.close();
  }

  @TestFactory
  Stream<DynamicTest> shouldAnswerEveryRow() {
    Map<String, Fault> faults = faults();
    return rows().stream()
        .map(r ->
            DynamicTest.dynamicTest(
                r.key() + " " + r.status(),
                () -> assertRefused(r, List.of(Objects.requireNonNull(faults.get(r.key()))))));
  }

  @TestFactory
  Stream<DynamicTest> shouldLetTheFirstOfTwoFaultsWin() {
    Map<String, Fault> faults = faults();
    List<DynamicTest> tests = new ArrayList<>();
    for (Row first : rows()) {
      int partners = 0;
      for (Row second : rows()) {
        Fault a = Objects.requireNonNull(faults.get(first.key()));
        Fault b = Objects.requireNonNull(faults.get(second.key()));
        if (first.command() != second.command()
            || first.order() >= second.order()
            || !a.combinesWith(b)
            || ++partners > PARTNERS) {
          continue;
        }
        // A shutdown comes last: it leaves other faults nothing to change.
        boolean last =
            first.order() == 1
                && first.status() == FirmwareStatus.INVALID_PLATFORM_STATE
                && first.command() != SevCommand.INIT
                && first.command() != SevCommand.PLATFORM_RESET
                && first.command() != SevCommand.INIT_EX
                && first.command() != SevCommand.DOWNLOAD_FIRMWARE;
        // Faults that replace a guest or a chain come before those that change bytes of it.
        last |= b.subject().equals("target") || b.subject().startsWith("handle+");
        List<Fault> both = last ? List.of(b, a) : List.of(a, b);
        tests.add(
            DynamicTest.dynamicTest(
                first.key() + " before " + second.order(), () -> assertRefused(first, both)));
      }
    }
    return tests.stream();
  }
}
