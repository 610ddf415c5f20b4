package org.redoubt.hypervisor.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuEngineFactory;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.cpu.Exit;
import org.redoubt.api.cpu.MmuFactory;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.api.firmware.CommandRecord;
import org.redoubt.api.guest.GuestLoader;
import org.redoubt.api.guest.LaunchPlan;
import org.redoubt.api.guest.LaunchRequest;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemorySystemFactory;
import org.redoubt.api.vm.Launch;
import org.redoubt.api.vm.LaunchSession;
import org.redoubt.api.vm.Vm;
import org.redoubt.api.vm.VmConfig;
import org.redoubt.api.vm.VmEnd;
import org.redoubt.spec.sev.PlatformState;

/** A VM's life with scripted vCPUs. */
@Timeout(60)
final class HypervisorServiceTest {
  private static final Duration LONG = Duration.ofSeconds(20);
  private static final long RAM = 8L << 20;

  @TempDir Path folder;
  private final Parts parts = new Parts();
  private final FlatMemory.Factory memories = new FlatMemory.Factory(80L << 20);
  private final FakeDevices.Apics apics = new FakeDevices.Apics();
  private final FakeDevices.Control control = new FakeDevices.Control();
  private final HypervisorService hypervisor =
      new HypervisorService(parts, List.of("apics", "control"), Optional::empty);
  private Path kernel = Path.of("");
  private ScriptedCpu.Factory cpus = new ScriptedCpu.Factory(ScriptedCpu::spin);

  @BeforeEach
  void wire() throws Exception {
    kernel = Files.writeString(folder.resolve("kernel"), "a kernel");
    parts.memories.add(memories, Map.of(MemorySystemFactory.MEMORY_NAME, "flat"));
    parts.mmus.add(config -> new NoMmu(), Map.of(MmuFactory.MMU_NAME, "no"));
    parts.devices.add(apics, Map.of(DeviceFactory.DEVICE_NAME, "apics"));
    parts.devices.add(control, Map.of(DeviceFactory.DEVICE_NAME, "control"));
    parts.loaders.add(new Loader(), Map.of(GuestLoader.LOADER_NAME, "test"));
  }

  @AfterEach
  void close() {
    hypervisor.close();
    assertTrue(memories.systems().isEmpty(), "memory left behind");
    assertTrue(memories.made.stream().allMatch(FlatMemory::unused), "port or listener left");
    assertTrue(cpus.made.stream().allMatch(cpu -> cpu.closed), "engine left");
    assertTrue(control.made.stream().allMatch(device -> device.closed), "device left");
  }

  private static final class Loader implements GuestLoader {
    @Override
    public boolean accepts(byte[] head) {
      return head.length > 0 && head[0] == 'a';
    }

    @Override
    public LaunchPlan plan(LaunchRequest request) {
      CpuState entry = new CpuState();
      entry.rip = 0x1000;
      byte[] page = new byte[4096];
      page[0] = 0x42;
      return new LaunchPlan(
          List.of(new LaunchPlan.Region("code", 0x1000, MemorySegment.ofArray(page))),
          entry,
          Optional.of(new LaunchPlan.SecretArea(0x1800, 32)));
    }
  }

  private VmConfig config(String name, int vcpus) {
    return new VmConfig(
        name,
        kernel,
        Optional.empty(),
        "",
        RAM,
        vcpus,
        VmConfig.Protection.NONE,
        Optional.empty(),
        Optional.empty(),
        "EPYC",
        Optional.empty(),
        64L << 20,
        false,
        false,
        Map.of("host.dram", "64"));
  }

  private Vm vm(int vcpus, ScriptedCpu.Script script) throws HypervisorException {
    cpus = new ScriptedCpu.Factory(script);
    parts.cpus.add(cpus, Map.of(CpuEngineFactory.CPU_ENGINE_NAME, "scripted"));
    return hypervisor.create(config("vm", vcpus));
  }

  private static void eventually(java.util.function.BooleanSupplier condition) throws Exception {
    for (int i = 0; i < 2000 && !condition.getAsBoolean(); i++) {
      Thread.sleep(5);
    }
    assertTrue(condition.getAsBoolean());
  }

  // Ends

  @Test
  void shouldEndAsTheGuestSays() throws Exception {
    record Row(int value, VmEnd.Cause cause, int code) {}
    Row[] rows = {
      new Row(1, VmEnd.Cause.POWER_OFF, 0),
      new Row(2, VmEnd.Cause.RESET, 4),
      new Row(107, VmEnd.Cause.DEBUG_EXIT, 7)
    };
    AtomicInteger value = new AtomicInteger();
    cpus =
        new ScriptedCpu.Factory(cpu -> {
          cpu.config.bus().out(FakeDevices.PORT, 1, value.get());
          return cpu.spin();
        });
    parts.cpus.add(cpus, Map.of(CpuEngineFactory.CPU_ENGINE_NAME, "scripted"));
    for (Row row : rows) {
      value.set(row.value);
      try (Vm vm = hypervisor.create(config("vm", 2))) {
        vm.start();
        VmEnd end = vm.await(LONG).orElseThrow();
        assertEquals(row.cause, end.cause());
        assertEquals(row.code, end.exitCode());
        assertEquals(Vm.State.STOPPED, vm.state());
      }
    }
  }

  @Test
  void shouldReportRegistersAndAccessesWhenItCrashes() throws Exception {
    record Row(Exit exit, String words) {}
    Row[] rows = {
      new Row(Exit.of(Exit.Kind.SHUTDOWN), "triple fault"),
      new Row(new Exit(Exit.Kind.UNSUPPORTED, 0, 0, "No such thing"), "No such thing"),
      new Row(new Exit(Exit.Kind.NESTED_PAGE_FAULT, 0x10_0000_0004L, 0x1234, ""), "gpa 1234h")
    };
    for (Row row : rows) {
      cpus =
          new ScriptedCpu.Factory(cpu -> {
            cpu.config.bus().in(0x61, 1);
            return row.exit;
          });
      parts.cpus.add(cpus, Map.of("service.ranking", (int) row.exit.info2() + 1));
      try (Vm vm = hypervisor.create(config("vm", 1))) {
        vm.start();
        VmEnd end = vm.await(LONG).orElseThrow();
        assertEquals(VmEnd.Cause.CRASHED, end.cause());
        assertEquals(3, end.exitCode());
        for (String word : List.of(row.words, "RIP 0000000000001000", "IN.1 61 = ff")) {
          assertTrue(end.report().contains(word), () -> word + " in " + end.report());
        }
        assertEquals(0x1000, vm.registers(0).rip);
      }
      parts.cpus.remove(cpus);
    }
  }

  @Test
  void shouldEndOnlyTheVmThatMetABug() throws Exception {
    cpus =
        new ScriptedCpu.Factory(cpu -> {
          if (cpu.config.bus().in(FakeDevices.PORT + 1, 1) == 0xff && cpu.steps == 0) {
            throw new IllegalStateException("bug: a test's");
          }
          return cpu.spin();
        });
    parts.cpus.add(cpus, Map.of(CpuEngineFactory.CPU_ENGINE_NAME, "scripted"));
    Vm good = hypervisor.create(config("good", 1));
    cpus.made.getFirst().steps = 1;
    Vm bad = hypervisor.create(config("bad", 1));
    good.start();
    bad.start();
    VmEnd end = bad.await(LONG).orElseThrow();
    assertTrue(end.report().contains("bug: a test's"), end::report);
    assertEquals(Vm.State.RUNNING, good.state());
    assertEquals(Optional.empty(), good.await(Duration.ofMillis(1)));
  }

  // Pause, resume, stop

  @Test
  void shouldStandStillWhilePaused() throws Exception {
    Vm vm = vm(3, ScriptedCpu::spin);
    assertEquals(Vm.State.CREATED, vm.state());
    assertThrows(HypervisorException.class, vm::pause);
    vm.start();
    for (int i = 0; i < 20; i++) {
      eventually(() -> cpus.made.getFirst().steps > 0);
      vm.pause();
      assertEquals(Vm.State.PAUSED, vm.state());
      List<Long> before = cpus.made.stream().map(cpu -> cpu.steps).toList();
      Thread.sleep(2);
      assertEquals(before, cpus.made.stream().map(cpu -> cpu.steps).toList());
      assertEquals(before.getFirst(), vm.registers(0).gpr[0]);
      vm.resume();
      assertEquals(Vm.State.RUNNING, vm.state());
      eventually(() -> cpus.made.getFirst().steps > before.getFirst());
    }
    vm.stop();
    assertEquals(Vm.State.STOPPED, vm.state());
    assertThrows(HypervisorException.class, vm::resume);
    assertEquals(VmEnd.Cause.STOPPED, vm.end().orElseThrow().cause());
  }

  @Test
  void shouldStopFromEveryState() throws Exception {
    cpus =
        new ScriptedCpu.Factory(
            cpu -> cpu.config.index() == 0 ? cpu.spin() : Exit.of(Exit.Kind.HALT));
    parts.cpus.add(cpus, Map.of(CpuEngineFactory.CPU_ENGINE_NAME, "scripted"));
    for (int state = 0; state < 4; state++) {
      Vm vm = hypervisor.create(config("vm", 2));
      if (state > 0) {
        vm.start();
      }
      if (state == 2) {
        vm.pause();
      }
      if (state == 3) {
        memories.made.getLast().suspend(true);
        assertEquals(Vm.State.SUSPENDED, vm.state());
      }
      vm.stop();
      assertEquals(Vm.State.STOPPED, vm.state());
      vm.close();
      vm.close();
    }
  }

  @Test
  void shouldReadRegistersWhileRunning() throws Exception {
    Vm vm = vm(2, ScriptedCpu::spin);
    vm.start();
    long before = vm.registers(0).gpr[0];
    eventually(() -> cpus.made.getFirst().steps > before);
    assertTrue(vm.registers(0).gpr[0] > before);
    assertEquals(Vm.State.RUNNING, vm.state());
    assertThrows(HypervisorException.class, () -> vm.registers(2));
  }

  @Test
  void shouldNotCountPausedTime() throws Exception {
    Vm vm = vm(1, ScriptedCpu::spin);
    MachineClock clock = ((RedoubtVm) vm).machine().clock();
    assertEquals(0, clock.nowNs());
    vm.start();
    eventually(() -> clock.nowNs() > 0);
    vm.pause();
    long paused = clock.nowNs();
    long tsc = clock.tsc();
    Thread.sleep(30);
    assertEquals(paused, clock.nowNs());
    assertEquals(tsc, clock.tsc());
    vm.resume();
    assertTrue(clock.nowNs() - paused < 25_000_000, "the pause was counted");
  }

  @Test
  void shouldFireTimersInTimeButNotWhilePaused() throws Exception {
    Vm vm = vm(1, ScriptedCpu::spin);
    MachineClock clock = ((RedoubtVm) vm).machine().clock();
    AtomicInteger fired = new AtomicInteger();
    var timer = clock.timer("test", fired::incrementAndGet);
    timer.arm(1);
    Thread.sleep(20);
    assertEquals(0, fired.get(), "not started");
    vm.start();
    eventually(() -> fired.get() == 1);
    timer.arm(clock.nowNs() + 2_000_000);
    eventually(() -> fired.get() == 2);
    timer.arm(clock.nowNs() + 1_000_000_000_000L);
    timer.arm(clock.nowNs() + 1_000_000); // moved forward wakes the clock
    eventually(() -> fired.get() == 3);
    timer.arm(clock.nowNs() + 20_000_000);
    timer.cancel();
    vm.pause();
    timer.arm(clock.nowNs() + 1);
    Thread.sleep(40);
    assertEquals(3, fired.get());
    vm.resume();
    eventually(() -> fired.get() == 4);
  }

  // vCPUs

  @Test
  void shouldWakeAHaltedVcpuByItsApic() throws Exception {
    Vm vm =
        vm(
            1,
            cpu -> {
              if (cpu.interrupts < 3) {
                return Exit.of(Exit.Kind.HALT);
              }
              cpu.config.bus().out(FakeDevices.PORT, 1, 1);
              return Exit.of(Exit.Kind.HALT);
            });
    vm.start();
    for (int i = 0; i < 3; i++) {
      Thread.sleep(5);
      apics.apics.getFirst().signal().interrupt();
    }
    assertEquals(VmEnd.Cause.POWER_OFF, vm.await(LONG).orElseThrow().cause());
  }

  @Test
  void shouldHoldOtherVcpusUntilStartup() throws Exception {
    Vm vm =
        vm(
            2,
            cpu -> {
              if (cpu.config.index() == 1 && cpu.startup < 0) {
                return Exit.of(Exit.Kind.INIT);
              }
              if (cpu.config.index() == 1) {
                cpu.config.bus().out(FakeDevices.PORT, 1, 100 + cpu.startup);
              }
              return cpu.spin();
            });
    assertFalse(cpus.made.get(0).inited);
    assertTrue(cpus.made.get(1).inited);
    vm.start();
    assertEquals(Optional.empty(), vm.await(Duration.ofMillis(20)));
    apics.apics.get(1).signal().startup(9);
    assertEquals(9, vm.await(LONG).orElseThrow().exitCode());
  }

  @Test
  void shouldWaitWhileMemoryIsSuspended() throws Exception {
    Vm vm =
        vm(
            2,
            cpu ->
                cpu.config.memory().suspension(0).isPresent()
                    ? Exit.of(Exit.Kind.SUSPENDED)
                    : cpu.spin());
    vm.start();
    for (int i = 0; i < 5; i++) {
      eventually(() -> cpus.made.getFirst().steps > 0);
      memories.made.getFirst().suspend(true);
      assertEquals(Vm.State.SUSPENDED, vm.state());
      Thread.sleep(3);
      long steps = cpus.made.getFirst().steps;
      Thread.sleep(3);
      assertEquals(steps, cpus.made.getFirst().steps);
      memories.made.getFirst().suspend(false);
      eventually(() -> cpus.made.getFirst().steps > steps);
      assertEquals(Vm.State.RUNNING, vm.state());
    }
  }

  @Test
  void shouldAnswerPortsAndMsrsThatNobodyHas() throws Exception {
    vm(1, ScriptedCpu::spin);
    var bus = cpus.made.getFirst().config.bus();
    assertEquals(0xff, bus.in(0x1234, 1));
    assertEquals(0xffff, bus.in(0x1234, 2));
    assertEquals(-1, bus.in(0x1234, 4));
    assertEquals(0x5a, bus.in(FakeDevices.PORT, 1));
    bus.out(0x1234, 4, 1);
    assertEquals(0xff, bus.mmioRead(0xd000_0000L, 1));
    assertEquals(-1, bus.mmioRead(0xd000_0000L, 8));
    bus.mmioWrite(0xd000_0000L, 8, 1);
    assertEquals(0x20, bus.mmioRead(0xfee0_0020L, 4));
    long[] value = new long[1];
    assertFalse(bus.readMsr(0x1234, value));
    assertFalse(bus.writeMsr(0x1234, 0));
    assertTrue(bus.readMsr(0x1b, value));
    assertEquals(0x1b, value[0]);
    assertFalse(bus.writeMsr(0x1b, 0));
    assertEquals(-1000, bus.hypercall(5, new long[4]));
    int[] leaf = new int[4];
    bus.cpuid(1, 0, leaf);
    assertEquals(1 << 31, leaf[2] & 1 << 31);
  }

  // Console

  @Test
  void shouldCarryTheConsoleBothWays() throws Exception {
    Vm vm =
        vm(
            1,
            cpu -> {
              cpu.config.bus().out(FakeDevices.PORT, 1, 3);
              cpu.config.bus().out(FakeDevices.PORT, 1, 1);
              return cpu.spin();
            });
    control.room = 0;
    ByteArrayOutputStream early = new ByteArrayOutputStream();
    vm.console().attach(early);
    vm.console().type("abcdef".getBytes(java.nio.charset.StandardCharsets.US_ASCII));
    assertEquals("", control.typed.toString());
    cpus.made.getFirst().config.bus().in(FakeDevices.PORT, 1);
    assertEquals("abcd", control.typed.toString());
    cpus.made.getFirst().config.bus().in(FakeDevices.PORT, 1);
    assertEquals("abcdef", control.typed.toString());
    vm.start();
    assertEquals(VmEnd.Cause.POWER_OFF, vm.await(LONG).orElseThrow().cause());
    eventually(() -> early.toString(java.nio.charset.StandardCharsets.US_ASCII).equals("hello\n"));
    ByteArrayOutputStream late = new ByteArrayOutputStream();
    vm.console().attach(late).close();
    assertEquals("hello\n", late.toString(java.nio.charset.StandardCharsets.US_ASCII));
  }

  // Encryption

  private final List<FakeProcessor> processors = new java.util.ArrayList<>();

  private static VmConfig with(VmConfig c, String name, Map<String, String> options) {
    return new VmConfig(
        name,
        c.kernel(),
        c.initrd(),
        c.append(),
        c.memoryBytes(),
        c.vcpus(),
        c.protection(),
        c.engine(),
        c.cpuEngine(),
        c.cpuModel(),
        c.dramFile(),
        c.socCacheBytes(),
        c.hostEncryption(),
        c.lab(),
        options);
  }

  private String refuseFromNowOn = "";

  private VmConfig encrypted(String name, String refusedCommand) {
    parts.firmwares.add(
        config -> {
          processors.add(
              new FakeProcessor(
                  config, refuseFromNowOn.isEmpty() ? refusedCommand : refuseFromNowOn));
          return processors.getLast();
        },
        Map.of(org.redoubt.api.firmware.SecureProcessorFactory.FIRMWARE_NAME, "fake"));
    VmConfig plain = config(name, 1);
    return new VmConfig(
        plain.name(),
        plain.kernel(),
        plain.initrd(),
        plain.append(),
        plain.memoryBytes(),
        plain.vcpus(),
        VmConfig.Protection.SEV,
        plain.engine(),
        plain.cpuEngine(),
        plain.cpuModel(),
        plain.dramFile(),
        plain.socCacheBytes(),
        plain.hostEncryption(),
        plain.lab(),
        plain.options());
  }

  @Test
  void shouldLaunchAnEncryptedGuestThroughTheMailbox() throws Exception {
    parts.cpus.add(cpus, Map.of(CpuEngineFactory.CPU_ENGINE_NAME, "scripted"));
    Vm vm = hypervisor.create(encrypted("vm", ""));
    assertEquals(1, vm.asid());
    FakeProcessor processor = processors.getFirst();
    assertEquals(
        "INIT LAUNCH_START ACTIVATE LAUNCH_UPDATE_DATA LAUNCH_MEASURE",
        String.join(" ", processor.commands));
    assertEquals(0, processor.given.getFirst().length, "no session");
    processor.commands.clear();
    vm.start();
    assertEquals("LAUNCH_FINISH", String.join(" ", processor.commands));
    assertThrows(HypervisorException.class, vm::start);
    processor.commands.clear();
    vm.close();
    assertEquals("DEACTIVATE DECOMMISSION DF_FLUSH", String.join(" ", processor.commands));
    assertTrue(processor.closed, "the host went with its last VM");
  }

  @Test
  void shouldPassOnTheOwnersSessionAndSecret() throws Exception {
    parts.cpus.add(cpus, Map.of(CpuEngineFactory.CPU_ENGINE_NAME, "scripted"));
    LaunchSession session = new LaunchSession(new byte[] {1, 2}, new byte[] {3});
    Vm vm = hypervisor.create(encrypted("vm", ""), session);
    FakeProcessor processor = processors.getFirst();
    assertArrayEquals(session.dhCertificate(), processor.given.get(0));
    assertArrayEquals(session.session(), processor.given.get(1));
    Launch launch = vm.launch().orElseThrow();
    assertTrue(launch.owned());
    assertEquals(1, launch.policy().bits());
    assertEquals(List.of("code"), launch.log().stream().map(Launch.Step::name).toList());
    assertArrayEquals(
        MessageDigest.getInstance("SHA-256")
            .digest(launch.image().getFirst().bytes().toArray(ValueLayout.JAVA_BYTE)),
        launch.log().getFirst().digest());
    byte[] packet = {0x51, 0x52, 0x53};
    launch.secret(new byte[] {7}, packet);
    assertArrayEquals(packet, processor.given.getLast());
    assertEquals(3, launch.secretBytes());
    assertEquals(0x52, vm.memory().view(0).getByte(vm.spa(0x1801).orElseThrow()));
    long[] wrong = {0x17ff, 0x181e, 0x3000, -1, Long.MIN_VALUE, Long.MAX_VALUE};
    for (long gpa : wrong) {
      HypervisorException refused =
          assertThrows(HypervisorException.class, () -> launch.secret(gpa, packet, packet));
      assertTrue(
          String.valueOf(refused.getMessage()).contains("this guest has room for 32 at 1800h"),
          refused.getMessage());
    }
    vm.start();
    assertTrue(launch.finished());
    assertEquals(List.of(), launch.image());
    assertThrows(HypervisorException.class, () -> launch.secret(packet, packet));
    assertEquals(3, launch.secretBytes());
  }

  @Test
  void shouldRefuseSessionsThatGoNowhere() {
    parts.cpus.add(cpus, Map.of(CpuEngineFactory.CPU_ENGINE_NAME, "scripted"));
    LaunchSession session = new LaunchSession(new byte[1], new byte[1]);
    HypervisorException plain =
        assertThrows(HypervisorException.class, () -> hypervisor.create(config("vm", 1), session));
    assertEquals(
        "An owner's session needs an encrypted guest: VM 'vm' has protection none",
        plain.getMessage());
    LaunchSession huge = new LaunchSession(new byte[5000], new byte[1]);
    HypervisorException refused =
        assertThrows(HypervisorException.class, () -> hypervisor.create(encrypted("vm", ""), huge));
    assertEquals(
        "The DH certificate has 5000 bytes; the host takes at most 4096", refused.getMessage());
    assertFalse(processors.getFirst().commands.contains("LAUNCH_START"));
  }

  @Test
  void shouldNotRunAGuestWhoseLaunchTheFirmwareDoesNotFinish() throws Exception {
    parts.cpus.add(cpus, Map.of(CpuEngineFactory.CPU_ENGINE_NAME, "scripted"));
    Vm vm = hypervisor.create(encrypted("vm", "LAUNCH_FINISH"));
    assertThrows(HypervisorException.class, vm::start);
    assertEquals(Vm.State.CREATED, vm.state());
    assertEquals(0, cpus.made.getFirst().steps);
    vm.close();
    List<String> commands = processors.getFirst().commands;
    assertEquals(
        List.of("DEACTIVATE", "DECOMMISSION", "DF_FLUSH"),
        commands.subList(commands.size() - 3, commands.size()));
  }

  @Test
  void shouldHaveASecureProcessorBeforeAnyVmAndRememberWhatItWasAsked() throws Exception {
    parts.cpus.add(cpus, Map.of(CpuEngineFactory.CPU_ENGINE_NAME, "scripted"));
    VmConfig config = encrypted("vm", "");
    assertEquals(1, hypervisor.platformChain().pdh().version());
    assertEquals(PlatformState.INIT, hypervisor.secureProcessor().info().state());
    assertEquals(1, processors.size());
    Vm vm = hypervisor.create(config);
    assertEquals(2, processors.size(), "the VM's host replaces the one without VMs");
    assertTrue(processors.getFirst().closed);
    vm.close();
    assertEquals(
        List.of(
            "INIT",
            "PDH_CERT_EXPORT",
            "INIT",
            "LAUNCH_START",
            "ACTIVATE",
            "LAUNCH_UPDATE_DATA",
            "LAUNCH_MEASURE",
            "DEACTIVATE",
            "DECOMMISSION",
            "DF_FLUSH",
            "INIT"),
        hypervisor.secureProcessor().history().stream().map(CommandRecord::name).toList());
  }

  @Test
  void shouldTakeOverTheHostWithoutVmsWhenItWantsNoOther() throws Exception {
    parts.cpus.add(cpus, Map.of(CpuEngineFactory.CPU_ENGINE_NAME, "scripted"));
    VmConfig config = withDefaults(encrypted("vm", ""));
    assertEquals(1, hypervisor.platformChain().pdh().version());
    Vm vm = hypervisor.create(config);
    assertEquals(1, processors.size(), "one processor for both");
    assertEquals(1, memories.made.size());
    hypervisor.prepare(encrypted("second", "")); // there is a host with VMs: nothing
    assertEquals(1, memories.made.size());
    vm.close();
    assertTrue(processors.getFirst().closed, "the host went with its last VM");
    VmConfig other = encrypted("other", ""); // another SoC cache
    hypervisor.prepare(other);
    assertEquals(1, hypervisor.platformChain().pdh().version());
    assertEquals(2, processors.size());
    hypervisor.create(other).close();
    assertEquals(2, processors.size(), "one processor for both");
    refuseFromNowOn = "LAUNCH_START";
    hypervisor.platformChain();
    assertThrows(HypervisorException.class, () -> hypervisor.create(config));
    assertTrue(memories.systems().isEmpty(), "a host for a VM that was not to be");
  }

  private static VmConfig withDefaults(VmConfig c) {
    return new VmConfig(
        c.name(),
        c.kernel(),
        c.initrd(),
        c.append(),
        c.memoryBytes(),
        c.vcpus(),
        c.protection(),
        c.engine(),
        c.cpuEngine(),
        c.cpuModel(),
        c.dramFile(),
        MemoryConfig.DEFAULT_CACHE_BYTES,
        c.hostEncryption(),
        c.lab(),
        Map.of());
  }

  /**
   * A chip forgets what was downloaded when its power goes off; the host's driver loads it anew.
   */
  @Test
  void shouldLoadADownloadedFirmwareIntoEveryProcessorItMakes() throws Exception {
    parts.cpus.add(cpus, Map.of(CpuEngineFactory.CPU_ENGINE_NAME, "scripted"));
    VmConfig config = encrypted("vm", "");
    hypervisor.platformAdmin().updateFirmware(new byte[] {1, 2, 3});
    assertEquals(List.of("DOWNLOAD_FIRMWARE", "INIT"), processors.getFirst().commands);
    hypervisor.create(config).close();
    hypervisor.create(config).close();
    assertEquals(3, processors.size(), "two more hosts");
    for (FakeProcessor later : processors.subList(1, 3)) {
      assertEquals(List.of("DOWNLOAD_FIRMWARE", "INIT"), later.commands.subList(0, 2));
    }
  }

  @Test
  void shouldSwitchAProcessorOffThatItCannotTalkToAnyMore() throws Exception {
    parts.cpus.add(cpus, Map.of(CpuEngineFactory.CPU_ENGINE_NAME, "scripted"));
    encrypted("vm", "");
    assertEquals(1, hypervisor.platformChain().pdh().version());
    processors.getFirst().deafAfterDownload = true;
    HypervisorException refused =
        assertThrows(
            HypervisorException.class,
            () -> hypervisor.platformAdmin().updateFirmware(new byte[] {1}));
    assertTrue(String.valueOf(refused.getMessage()).contains("other registers"));
    assertEquals(1, hypervisor.platformChain().pdh().version());
    assertTrue(processors.getFirst().closed);
    assertEquals(List.of("INIT", "PDH_CERT_EXPORT"), processors.get(1).commands);
  }

  @Test
  void shouldGoOnWithTheFormerFirmwareWhenTheDownloadedOneIsGone() throws Exception {
    parts.cpus.add(cpus, Map.of(CpuEngineFactory.CPU_ENGINE_NAME, "scripted"));
    VmConfig config = encrypted("vm", "");
    hypervisor.platformAdmin().updateFirmware(new byte[] {1});
    refuseFromNowOn = "DOWNLOAD_FIRMWARE";
    hypervisor.create(config).close();
    assertEquals(List.of("DOWNLOAD_FIRMWARE", "INIT"), processors.get(1).commands.subList(0, 2));
    hypervisor.create(config).close();
    assertEquals("INIT", processors.get(2).commands.getFirst(), "asked once");
  }

  @Test
  void shouldKeepTheChipWhereItIsTold() throws Exception {
    record Row(@Nullable String property, @Nullable String data, Path folder) {}
    Row[] rows = {
      new Row(null, "/d", Path.of("/d/redoubt/psp0")),
      new Row(" ", "/d", Path.of("/d/redoubt/psp0")),
      new Row(null, "d", Path.of(System.getProperty("user.home"), ".local/share/redoubt/psp0")),
      new Row(null, null, Path.of(System.getProperty("user.home"), ".local/share/redoubt/psp0")),
      new Row("/x", "/d", Path.of("/x")),
    };
    for (Row row : rows) {
      try (StateFolders folders = new StateFolders(row.property, name -> row.data)) {
        assertEquals(row.folder, folders.psp());
      }
    }
    Path forgotten;
    try (StateFolders folders = new StateFolders("none", name -> "/d")) {
      forgotten = folders.psp();
      Files.writeString(forgotten.resolve("chip"), "secret");
      assertEquals(forgotten, folders.psp(), "hosts come and go, the chip stays");
    }
    assertFalse(Files.exists(forgotten));
  }

  @Test
  void shouldShowAnEncryptedGuestItsHardware() throws Exception {
    parts.cpus.add(cpus, Map.of(CpuEngineFactory.CPU_ENGINE_NAME, "scripted"));
    hypervisor.create(encrypted("vm", ""));
    var config = cpus.made.getFirst().config;
    assertEquals(1, config.asid());
    assertEquals(47, config.cBit());
    int[] leaf = {0x8000_001e, 0, 0, 0};
    config.bus().cpuid(0x8000_0000, 0, leaf);
    assertEquals(0x8000_001f, leaf[0]);
    config.bus().cpuid(0x8000_001f, 0, leaf);
    assertEquals(2, leaf[0]);
    assertEquals(47 | 5 << 6, leaf[1]);
    long[] status = new long[1];
    assertTrue(config.bus().readMsr(0xc001_0131, status));
    assertEquals(1, status[0]);
    assertFalse(config.bus().writeMsr(0xc001_0131, 0), "read only: #GP");
    leaf[0] = 0;
    config.bus().cpuid(0x4000_0001, 0, leaf);
    assertEquals(0, leaf[0] & 1 << 8);
    assertFalse(config.bus().stringIo(0x3f8));
    assertTrue(
        hypervisor.vms().getFirst().trace(0).getLast().endsWith("refused string I/O.0 3f8 = 0"));
  }

  @Test
  void shouldShowTheSeedsHardwareWhenItsProfileIsNamed() throws Exception {
    parts.cpus.add(cpus, Map.of(CpuEngineFactory.CPU_ENGINE_NAME, "scripted"));
    VmConfig config = encrypted("vm", "");
    hypervisor.create(with(config, "seed", Map.of("host.dram", "64", "sev.profile", "seed")));
    var bus = cpus.made.getFirst().config.bus();
    int[] leaf = new int[4];
    bus.cpuid(0x4000_0001, 0, leaf);
    assertEquals(1 << 8, leaf[0] & 1 << 8);
    bus.cpuid(0x8000_001f, 0, leaf);
    assertEquals(1, leaf[0]);
    assertEquals(47, leaf[1] & 0x3f);
    assertFalse(bus.readMsr(0xc001_0131, new long[1]));
    HypervisorException unknown =
        assertThrows(
            HypervisorException.class,
            () -> hypervisor.create(with(config, "other", Map.of("sev.profile", "2017"))));
    assertEquals("Setting sev.profile=2017: there are [sev, seed]", unknown.getMessage());
  }

  @Test
  void shouldShowAPlainGuestNoEncryption() throws Exception {
    vm(1, ScriptedCpu::spin);
    var config = cpus.made.getFirst().config;
    assertEquals(0, config.asid());
    assertEquals(0, config.cBit());
    int[] leaf = new int[4];
    config.bus().cpuid(0x8000_001f, 0, leaf);
    assertEquals(0, leaf[0]);
    assertFalse(config.bus().readMsr(0xc001_0131, new long[1]));
    assertTrue(config.bus().stringIo(0x3f8));
  }

  @Test
  void shouldCountTransfersThatMeetPrivatePagesByTheDevicesName() throws Exception {
    List<org.redoubt.api.device.Dma> dma = new java.util.ArrayList<>();
    parts.devices.add(
        FakeDevices.device(context -> dma.add(context.dma())),
        Map.of(DeviceFactory.DEVICE_NAME, "disk"));
    parts.cpus.add(cpus, Map.of(CpuEngineFactory.CPU_ENGINE_NAME, "scripted"));
    HypervisorService service =
        new HypervisorService(parts, List.of("apics", "disk"), Optional::empty);
    try (Vm vm = service.create(encrypted("vm", ""))) {
      FlatMemory memory = memories.made.getLast();
      memory.tags.put(vm.spa(0x5000).orElseThrow(), vm.asid());
      MemorySegment bytes = MemorySegment.ofArray(new byte[16]);
      assertTrue(dma.getFirst().read(0x4ff0, bytes));
      assertTrue(dma.getFirst().write(0x6000, bytes));
      assertFalse(dma.getFirst().read(RAM - 8, bytes), "not RAM");
      assertEquals(Map.of(), vm.privateTransfers());
      assertTrue(dma.getFirst().read(0x4ff8, bytes), "the second half is private");
      assertTrue(dma.getFirst().write(0x5ff0, bytes));
      assertEquals(Map.of("disk", 2L), vm.privateTransfers());
    }
  }

  @Test
  void shouldGiveTheHostWholePagesOfRamThatADeviceWasTold() throws Exception {
    List<org.redoubt.api.device.Dma> dma = new java.util.ArrayList<>();
    parts.devices.add(
        FakeDevices.device(context -> dma.add(context.dma())),
        Map.of(DeviceFactory.DEVICE_NAME, "balloon"));
    parts.cpus.add(cpus, Map.of(CpuEngineFactory.CPU_ENGINE_NAME, "scripted"));
    HypervisorService service =
        new HypervisorService(parts, List.of("apics", "balloon"), Optional::empty);
    try (Vm vm = service.create(encrypted("vm", ""))) {
      FlatMemory memory = memories.made.getLast();
      dma.getFirst().discard(0x5000, 0x2000);
      dma.getFirst().discard(0x8001, 0x2fff);
      dma.getFirst().discard(0xb000, 0xfff);
      for (long[] hole : new long[][] {{RAM, 4096}, {RAM - 4096, 8192}, {-1, 1}, {0, -1}}) {
        dma.getFirst().discard(hole[0], hole[1]);
      }
      long spa = vm.spa(0).orElseThrow();
      assertEquals(List.of(spa + 0x5000, 0x2000L, spa + 0x9000, 0x2000L), memory.discarded);
      assertEquals(Map.of("balloon", 0x4000L), vm.givenBack());
    }
  }

  @Test
  void shouldReadPrivateMemoryThroughTheFirmwareOrTheLab() throws Exception {
    parts.cpus.add(cpus, Map.of(CpuEngineFactory.CPU_ENGINE_NAME, "scripted"));
    Vm vm = hypervisor.create(encrypted("vm", "DBG_DECRYPT"));
    List<String> commands = processors.getFirst().commands;
    MemorySegment bytes = MemorySegment.ofArray(new byte[16]);
    memories.made.getFirst().tags.put(vm.spa(0x5000).orElseThrow(), vm.asid());
    vm.memory().view(0).putLong(vm.spa(0x5000).orElseThrow(), 0x1234);
    vm.readGuest(0x4000, bytes, false);
    assertFalse(commands.contains("DBG_DECRYPT"), "a shared page");
    HypervisorException refused =
        assertThrows(HypervisorException.class, () -> vm.readGuest(0x4ff8, bytes, false));
    assertEquals(
        "The secure processor refused DBG_DECRYPT with POLICY_FAILURE: the test says no",
        refused.getMessage());
    assertEquals(0, bytes.get(java.lang.foreign.ValueLayout.JAVA_BYTE, 8));
    assertFalse(vm.labUsed());
    vm.readGuest(0x4ff8, bytes, true);
    assertTrue(vm.labUsed());
    assertEquals(0x34, bytes.get(java.lang.foreign.ValueLayout.JAVA_BYTE, 8));
    refused = assertThrows(HypervisorException.class, () -> vm.readGuest(RAM - 8, bytes, true));
    assertEquals("Address 0x7ffff8 with 16 bytes is not RAM of VM 'vm'", refused.getMessage());
  }

  @Test
  void shouldReadPrivateMemoryWhenTheFirmwareLetsIt() throws Exception {
    parts.cpus.add(cpus, Map.of(CpuEngineFactory.CPU_ENGINE_NAME, "scripted"));
    Vm vm = hypervisor.create(encrypted("vm", ""));
    long page = vm.spa(0x5000).orElseThrow();
    memories.made.getFirst().tags.put(page, vm.asid());
    for (int at = 0; at < 4096; at++) {
      vm.memory().view(0).putByte(page + at, (byte) (at * 7));
    }
    byte[] read = new byte[100];
    vm.readGuest(0x5000 + 4096 - 95, MemorySegment.ofArray(read), false);
    for (int i = 0; i < read.length; i++) {
      assertEquals(i < 95 ? (byte) ((4096 - 95 + i) * 7) : 0, read[i], "byte " + i);
    }
    assertFalse(vm.labUsed());
  }

  @Test
  void shouldSayWhatTheFirmwareRefusedAndLeaveNothingBehind() {
    parts.cpus.add(cpus, Map.of(CpuEngineFactory.CPU_ENGINE_NAME, "scripted"));
    HypervisorException refusal =
        assertThrows(
            HypervisorException.class,
            () -> hypervisor.create(encrypted("vm", "LAUNCH_UPDATE_DATA")));
    assertEquals(
        "The secure processor refused LAUNCH_UPDATE_DATA with POLICY_FAILURE: the test says no",
        refusal.getMessage());
    List<String> commands = processors.getFirst().commands;
    assertEquals(
        List.of("DEACTIVATE", "DECOMMISSION", "DF_FLUSH"),
        commands.subList(commands.size() - 3, commands.size()));
    assertTrue(hypervisor.vms().isEmpty());
  }

  @Test
  void shouldDecommissionAGuestThatGetsNoAsid() {
    parts.cpus.add(cpus, Map.of(CpuEngineFactory.CPU_ENGINE_NAME, "scripted"));
    assertThrows(HypervisorException.class, () -> hypervisor.create(encrypted("vm", "ACTIVATE")));
    assertEquals(
        "INIT LAUNCH_START ACTIVATE DECOMMISSION",
        String.join(" ", processors.getFirst().commands));
  }

  @Test
  void shouldNameAMissingFirmwareWhenEncryptionIsAsked() {
    parts.cpus.add(cpus, Map.of(CpuEngineFactory.CPU_ENGINE_NAME, "scripted"));
    VmConfig config = encrypted("vm", "");
    parts.firmwares.remove(parts.firmwares.all().getFirst().service());
    HypervisorException missing =
        assertThrows(HypervisorException.class, () -> hypervisor.create(config));
    assertTrue(
        String.valueOf(missing.getMessage()).startsWith("No secure-processor firmware"),
        missing.getMessage());
  }

  // Creation

  @Test
  void shouldLoadThePlanAndEnterThere() throws Exception {
    Vm vm = vm(1, ScriptedCpu::spin);
    long spa = vm.spa(0x1000).orElseThrow();
    assertEquals(0x42, vm.memory().view(0).getByte(spa));
    assertEquals(0x1000, vm.registers(0).rip);
    assertEquals(Optional.empty(), vm.spa(RAM));
    assertEquals(List.of(vm), hypervisor.vms());
    assertEquals(vm, hypervisor.vm("vm").orElseThrow());
  }

  @Test
  void shouldGiveVmsTheirOwnClearedMemory() throws Exception {
    Vm first = vm(1, ScriptedCpu::spin);
    Vm second = hypervisor.create(config("second", 1));
    long spa = first.spa(0x5000).orElseThrow();
    assertTrue(Math.abs(second.spa(0x5000).orElseThrow() - spa) >= RAM);
    first.memory().view(0).putLong(spa, 0x1234);
    first.close();
    try (Vm next = hypervisor.create(config("next", 1))) {
      assertEquals(spa, next.spa(0x5000).orElseThrow(), "what was given back serves the next");
      assertEquals(0, next.memory().view(0).getLong(spa));
    }
    second.close();
  }

  @Test
  void shouldSayWhenTheHostIsFull() throws Exception {
    vm(1, ScriptedCpu::spin);
    HypervisorException refused = null;
    for (int i = 0; i < 20 && refused == null; i++) {
      try {
        hypervisor.create(config("vm" + i, 1));
      } catch (HypervisorException e) {
        refused = e;
      }
    }
    assertTrue(String.valueOf(refused).contains("No room for the 8 MiB of VM 'vm"));
  }

  @Test
  void shouldRefuseWhatCannotBeAndLeaveNothingBehind() throws Exception {
    vm(1, ScriptedCpu::spin).close();
    record Row(VmConfig config, String words) {}
    VmConfig good = config("vm", 1);
    Path empty = Files.createFile(folder.resolve("empty"));
    Row[] rows = {
      new Row(with(good, "kernel", folder.resolve("none")), "is not a file"),
      new Row(with(good, "kernel", empty), "No guest loader"),
      new Row(with(good, "initrd", folder), "is not a file"),
      new Row(with(good, "model", "Z80"), "'Z80'; there are: EPYC"),
      new Row(with(good, "engine", "nothing"), "'nothing'; there are: scripted"),
      new Row(with(good, "vcpus", 0), "1 to 64"),
      new Row(with(good, "vcpus", 65), "1 to 64"),
      new Row(with(good, "memory", 4097L), "4096"),
      new Row(with(good, "memory", 4096L), "not RAM"),
      new Row(with(good, "memory", 0L), "4096"),
      new Row(with(good, "name", " "), "another name"),
    };
    for (Row row : rows) {
      HypervisorException refused =
          assertThrows(HypervisorException.class, () -> hypervisor.create(row.config));
      assertTrue(String.valueOf(refused.getMessage()).contains(row.words), refused::getMessage);
      assertFalse(String.valueOf(refused.getMessage()).contains("\n"));
      assertTrue(hypervisor.vms().isEmpty());
      assertTrue(memories.systems().isEmpty());
    }
    hypervisor.create(good);
    assertThrows(HypervisorException.class, () -> hypervisor.create(good));
  }

  private static VmConfig with(VmConfig c, String field, Object value) {
    return new VmConfig(
        field.equals("name") ? (String) value : c.name(),
        field.equals("kernel") ? (Path) value : c.kernel(),
        field.equals("initrd") ? Optional.of((Path) value) : c.initrd(),
        c.append(),
        field.equals("memory") ? (Long) value : c.memoryBytes(),
        field.equals("vcpus") ? (Integer) value : c.vcpus(),
        c.protection(),
        c.engine(),
        field.equals("engine") ? Optional.of((String) value) : c.cpuEngine(),
        field.equals("model") ? (String) value : c.cpuModel(),
        c.dramFile(),
        c.socCacheBytes(),
        c.hostEncryption(),
        c.lab(),
        c.options());
  }

  @Test
  void shouldNameTheDevicesThatClash() throws Exception {
    vm(1, ScriptedCpu::spin).close();
    parts.devices.add(
        context -> {
          context.claimPorts(0x70, 0x20, new NoPorts());
          return new FakeDevices.Plain("");
        },
        Map.of(DeviceFactory.DEVICE_NAME, "greedy"));
    HypervisorService clashing =
        new HypervisorService(parts, List.of("apics", "control", "greedy"), Optional::empty);
    HypervisorException refused =
        assertThrows(HypervisorException.class, () -> clashing.create(config("vm", 1)));
    assertEquals("Device greedy claims port 80h, which control has", refused.getMessage());
    HypervisorService missing =
        new HypervisorService(parts, List.of("apics", "printer"), Optional::empty);
    refused = assertThrows(HypervisorException.class, () -> missing.create(config("vm", 1)));
    assertTrue(String.valueOf(refused.getMessage()).contains("'printer'"), refused::getMessage);
  }

  private static final class NoPorts implements org.redoubt.api.device.PortHandler {
    @Override
    public int in(int port, int bytes) {
      return 0;
    }

    @Override
    public void out(int port, int bytes, int value) {}
  }
}
