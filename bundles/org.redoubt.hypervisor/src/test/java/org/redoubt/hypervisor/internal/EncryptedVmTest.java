package org.redoubt.hypervisor.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuEngineFactory;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.api.firmware.CommandRecord;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.vm.Launch;
import org.redoubt.api.vm.LaunchSession;
import org.redoubt.api.vm.Vm;
import org.redoubt.api.vm.VmConfig;
import org.redoubt.spec.sev.PlatformState;

/** A launch through the mailbox, what an encrypted guest sees, and what its host does not. */
final class EncryptedVmTest extends HypervisorFixture {
  private final List<FakeProcessor> processors = new java.util.ArrayList<>();

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
    return with(config(name, 1), "protection", VmConfig.Protection.SEV);
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
    VmConfig config =
        with(
            encrypted("vm", ""),
            "socCacheBytes",
            MemoryConfig.DEFAULT_CACHE_BYTES,
            "options",
            Map.of());
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
    hypervisor.create(
        with(config, "name", "seed", "options", Map.of("host.dram", "64", "sev.profile", "seed")));
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
            () ->
                hypervisor.create(
                    with(config, "name", "other", "options", Map.of("sev.profile", "2017"))));
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
}
