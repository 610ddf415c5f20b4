package org.redoubt.hypervisor.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuEngineFactory;
import org.redoubt.api.cpu.Exit;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.api.vm.Vm;
import org.redoubt.api.vm.VmConfig;
import org.redoubt.api.vm.VmEnd;

/** A VM's life with scripted vCPUs. */
final class HypervisorServiceTest extends HypervisorFixture {
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
    long resumed = System.nanoTime();
    vm.resume();
    long counted = clock.nowNs() - paused;
    assertTrue(counted <= System.nanoTime() - resumed, "the pause was counted");
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
    vm.pause();
    timer.arm(clock.nowNs() + 1_000_000);
    timer.cancel();
    AtomicInteger later = new AtomicInteger();
    clock.timer("later", later::incrementAndGet).arm(clock.nowNs() + 2_000_000);
    vm.resume();
    eventually(() -> later.get() == 1);
    assertEquals(3, fired.get(), "cancelled");
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
      eventually(() -> !cpus.made.getFirst().running);
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
      new Row(with(good, "initrd", Optional.of(folder)), "is not a file"),
      new Row(with(good, "cpuModel", "Z80"), "'Z80'; there are: EPYC"),
      new Row(with(good, "cpuEngine", Optional.of("nothing")), "'nothing'; there are: scripted"),
      new Row(with(good, "vcpus", 0), "1 to 64"),
      new Row(with(good, "vcpus", 65), "1 to 64"),
      new Row(with(good, "memoryBytes", 4097L), "4096"),
      new Row(with(good, "memoryBytes", 4096L), "not RAM"),
      new Row(with(good, "memoryBytes", 0L), "4096"),
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
