package org.redoubt.hypervisor.internal;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.redoubt.api.cpu.CpuEngineFactory;
import org.redoubt.api.cpu.CpuStats;
import org.redoubt.api.cpu.MmuFactory;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.api.guest.GuestLoader;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemorySystemFactory;
import org.redoubt.api.vm.Vm;
import org.redoubt.api.vm.VmConfig;
import org.redoubt.api.vm.VmEnd;

/**
 * Boots a kernel without OSGi: makes every component without references that the class path's
 * component documents name, and wires it by hand. For bringing up a kernel in a short loop.
 *
 * <pre>{@code
 * java -cp JARS:TEST-CLASSES org.redoubt.hypervisor.internal.Bringup kernel=F initrd=F append=S memory=512 smp=1 seconds=60
 * }</pre>
 */
final class Bringup {
  private static final Pattern CLASS = Pattern.compile("<implementation class=\"([^\"]+)\"");
  private static final Pattern PROPERTY =
      Pattern.compile("<property name=\"([^\"]+)\"(?: type=\"\\w+\")? value=\"([^\"]*)\"");

  private Bringup() {}

  /** A component as its document names it. */
  private record Found(String type, Map<String, String> properties) {
    Object make() throws ReflectiveOperationException {
      var constructor = Class.forName(type).getDeclaredConstructor();
      constructor.setAccessible(true);
      return constructor.newInstance();
    }
  }

  private static List<Found> components() throws Exception {
    Map<String, Found> found = new LinkedHashMap<>();
    Enumeration<URL> folders = Bringup.class.getClassLoader().getResources("META-INF/MANIFEST.MF");
    while (folders.hasMoreElements()) {
      String url = folders.nextElement().toString();
      if (!url.contains("redoubt") && !url.startsWith("file:")) {
        continue;
      }
      if (url.startsWith("jar:")) {
        Path jar = Path.of(java.net.URI.create(url.substring(4, url.indexOf('!'))));
        try (FileSystem inside = FileSystems.newFileSystem(jar)) {
          read(inside.getPath("OSGI-INF"), found);
        }
      } else {
        read(Path.of(java.net.URI.create(url)).resolveSibling("../OSGI-INF").normalize(), found);
      }
    }
    return new ArrayList<>(found.values());
  }

  private static void read(Path folder, Map<String, Found> found) throws IOException {
    if (!Files.isDirectory(folder)) {
      return;
    }
    try (Stream<Path> documents = Files.list(folder)) {
      for (Path document : documents.filter(p -> p.toString().endsWith(".xml")).toList()) {
        String text = Files.readString(document);
        Matcher type = CLASS.matcher(text);
        if (text.contains("<reference") || !type.find()) {
          continue;
        }
        Map<String, String> properties = new HashMap<>();
        Matcher property = PROPERTY.matcher(text);
        while (property.find()) {
          properties.put(property.group(1), property.group(2));
        }
        found.put(type.group(1), new Found(type.group(1), properties));
      }
    }
  }

  private static Parts parts(long memoryBytes, boolean flat) throws Exception {
    Parts parts = new Parts();
    for (Found found : components()) {
      Object part;
      try {
        part = found.make();
      } catch (ReflectiveOperationException e) {
        continue; // wants a bundle context
      }
      switch (part) {
        case MmuFactory mmu -> parts.mmus.add(mmu, found.properties);
        case CpuEngineFactory cpu -> parts.cpus.add(cpu, found.properties);
        case GuestLoader loader -> parts.loaders.add(loader, found.properties);
        case DeviceFactory device -> parts.devices.add(device, found.properties);
        default -> {}
      }
    }
    parts.memories.add(
        flat ? new FlatMemory.Factory(memoryBytes + (64L << 20)) : realMemory(),
        Map.of(MemorySystemFactory.MEMORY_NAME, "memory"));
    return parts;
  }

  /** The memory room with the engine {@code none}, past its component, which wants a framework. */
  private static MemorySystemFactory realMemory() throws ReflectiveOperationException {
    String room = "org.redoubt.memory.internal.";
    Object none = make("org.redoubt.encryption.none.NoEncryption");
    var field = Class.forName(room + "Settings").getDeclaredField("DEFAULT");
    field.setAccessible(true);
    Object factory = make(room + "MemoryFactory", field.get(null));
    call(factory, "engineCame", "none", none, 0, 0L);
    return new MemorySystemFactory() {
      @Override
      public MemorySystem create(MemoryConfig config) {
        try {
          return (MemorySystem) call(factory, "create", config);
        } catch (ReflectiveOperationException e) {
          throw new IllegalStateException(e);
        }
      }

      @Override
      public List<MemorySystem> systems() {
        return List.of();
      }
    };
  }

  private static Object make(String type, Object... arguments) throws ReflectiveOperationException {
    for (var constructor : Class.forName(type).getDeclaredConstructors()) {
      if (constructor.getParameterCount() == arguments.length) {
        constructor.setAccessible(true);
        return constructor.newInstance(arguments);
      }
    }
    throw new NoSuchMethodException(type);
  }

  private static Object call(Object target, String name, Object... arguments)
      throws ReflectiveOperationException {
    for (var method : target.getClass().getDeclaredMethods()) {
      if (method.getName().equals(name) && method.getParameterCount() == arguments.length) {
        method.setAccessible(true);
        return method.invoke(target, arguments);
      }
    }
    throw new NoSuchMethodException(name);
  }

  /** Boots, shows the console, and says what it cost. */
  public static void main(String[] arguments) throws Exception {
    Map<String, String> options = new HashMap<>();
    for (String argument : arguments) {
      String[] pair = argument.split("=", 2);
      options.put(pair[0], pair.length > 1 ? pair[1] : "");
    }
    long memoryBytes = Long.parseLong(options.getOrDefault("memory", "512")) << 20;
    Parts parts = parts(memoryBytes, options.containsKey("flat"));
    HypervisorService hypervisor =
        new HypervisorService(parts, StandardMachine.DEVICES, Optional::empty);
    VmConfig config =
        new VmConfig(
            "bringup",
            Path.of(options.get("kernel")),
            Optional.ofNullable(options.get("initrd")).map(Path::of),
            options.getOrDefault("append", "console=ttyS0 earlyprintk=serial,ttyS0 nokaslr"),
            memoryBytes,
            Integer.parseInt(options.getOrDefault("smp", "1")),
            VmConfig.Protection.NONE,
            Optional.empty(),
            Optional.empty(),
            options.getOrDefault(
                "cpu", parts.cpus.find(Optional.empty()).service().models().getFirst()),
            Optional.empty(),
            Long.parseLong(options.getOrDefault("soc", "256")) << 20,
            false,
            true,
            options);
    long start = System.nanoTime();
    Vm vm = hypervisor.create(config);
    vm.console().attach(System.out);
    vm.start();
    String typed = options.getOrDefault("type", "");
    if (!typed.isEmpty()) {
      vm.console().type(typed.replace("\\n", "\n").getBytes(StandardCharsets.US_ASCII));
    }
    Optional<VmEnd> end =
        vm.await(Duration.ofSeconds(Long.parseLong(options.getOrDefault("seconds", "120"))));
    Thread.sleep(100);
    System.out.flush();
    System.err.println();
    if (end.isEmpty()) {
      System.err.println("not ended; registers of vCPU 0:");
      System.err.print(vm.registers(0));
      vm.trace(0).forEach(System.err::println);
    }
    end.ifPresent(
        how -> System.err.println(how.cause() + " " + how.exitCode() + " " + how.report()));
    for (CpuStats stats : vm.stats()) {
      System.err.println(stats);
    }
    System.err.println(vm.memory().stats());
    long cpuNs =
        ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
            .getProcessCpuTime();
    System.err.printf(
        "%.2f s elapsed, %.2f s CPU%n", (System.nanoTime() - start) / 1e9, cpuNs / 1e9);
    vm.close();
    System.exit(end.map(VmEnd::exitCode).orElse(99));
  }
}
