package org.redoubt.hypervisor.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuEngineFactory;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.cpu.MmuFactory;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.api.guest.GuestLoader;
import org.redoubt.api.guest.LaunchPlan;
import org.redoubt.api.guest.LaunchRequest;
import org.redoubt.api.memory.MemorySystemFactory;
import org.redoubt.api.vm.Vm;
import org.redoubt.api.vm.VmConfig;

/**
 * A hypervisor with scripted vCPUs, flat memory and nobody's devices; nothing may be left behind.
 */
@Timeout(300)
abstract class HypervisorFixture {
  static final Duration LONG = Duration.ofSeconds(120);
  static final long RAM = 8L << 20;

  @TempDir Path folder;
  final Parts parts = new Parts();
  final FlatMemory.Factory memories = new FlatMemory.Factory(80L << 20);
  final FakeDevices.Apics apics = new FakeDevices.Apics();
  final FakeDevices.Control control = new FakeDevices.Control();
  final HypervisorService hypervisor =
      new HypervisorService(parts, List.of("apics", "control"), Optional::empty);
  Path kernel = Path.of("");
  ScriptedCpu.Factory cpus = new ScriptedCpu.Factory(ScriptedCpu::spin);

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

  VmConfig config(String name, int vcpus) {
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

  Vm vm(int vcpus, ScriptedCpu.Script script) throws HypervisorException {
    cpus = new ScriptedCpu.Factory(script);
    parts.cpus.add(cpus, Map.of(CpuEngineFactory.CPU_ENGINE_NAME, "scripted"));
    return hypervisor.create(config("vm", vcpus));
  }

  static void eventually(java.util.function.BooleanSupplier condition) throws Exception {
    for (int i = 0; i < 24_000 && !condition.getAsBoolean(); i++) {
      Thread.sleep(5);
    }
    assertTrue(condition.getAsBoolean());
  }

  /** The same settings, but for these: names of {@link VmConfig}'s components before values. */
  static VmConfig with(VmConfig config, Object... changes) {
    RecordComponent[] components = VmConfig.class.getRecordComponents();
    Class<?>[] types = new Class<?>[components.length];
    Object[] values = new Object[components.length];
    int changed = 0;
    try {
      for (int i = 0; i < components.length; i++) {
        types[i] = components[i].getType();
        int at = List.of(changes).indexOf(components[i].getName());
        changed += at < 0 ? 0 : 2;
        values[i] = at < 0 ? components[i].getAccessor().invoke(config) : changes[at + 1];
      }
      int known = changed;
      assertEquals(changes.length, known, () -> "no such setting: " + List.of(changes));
      return VmConfig.class.getDeclaredConstructor(types).newInstance(values);
    } catch (ReflectiveOperationException e) {
      throw new AssertionError(e);
    }
  }
}
