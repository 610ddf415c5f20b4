package org.redoubt.crypto.hostcode;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;

/**
 * Host code that can be called: x86-64 under Linux, System V calling convention. Each mapping is
 * writable while it is filled and executable from then on, never both, and lasts for good.
 */
public final class HostCode {
  private static final int PROT_READ = 1;
  private static final int PROT_WRITE = 2;
  private static final int PROT_EXEC = 4;
  private static final int MAP_PRIVATE = 2;
  private static final int MAP_ANONYMOUS = 0x20;

  private HostCode() {}

  /**
   * What the host's processor can do, by the names of {@code /proc/cpuinfo}; empty where no code
   * can be emitted.
   */
  public static Set<String> features() throws IOException {
    if (!System.getProperty("os.arch", "").equals("amd64")
        || !System.getProperty("os.name", "").equals("Linux")) {
      return Set.of();
    }
    try (var lines = Files.lines(Path.of("/proc/cpuinfo"), StandardCharsets.ISO_8859_1)) {
      return lines
          .filter(line -> line.startsWith("flags"))
          .findFirst()
          .map(line -> Set.copyOf(new HashSet<>(Arrays.asList(line.split("\\s+")))))
          .orElse(Set.of());
    }
  }

  /**
   * A routine.
   *
   * @param code where it begins, at a multiple of 64
   * @param shape its arguments
   */
  public record Routine(byte[] code, FunctionDescriptor shape) {}

  /**
   * Maps routines and makes handles of them, in the same order.
   *
   * @throws IOException when the host has no memory for code
   */
  public static MethodHandle[] link(Linker.Option[] options, Routine... routines)
      throws IOException {
    long size = 0;
    for (Routine r : routines) {
      size += r.code().length + 63 & -64;
    }
    MemorySegment code = map(size);
    MethodHandle[] handles = new MethodHandle[routines.length];
    long at = 0;
    for (int i = 0; i < routines.length; i++) {
      byte[] bytes = routines[i].code();
      MemorySegment.copy(bytes, 0, code, ValueLayout.JAVA_BYTE, at, bytes.length);
      handles[i] =
          Linker.nativeLinker()
              .downcallHandle(
                  MemorySegment.ofAddress(code.address() + at), routines[i].shape(), options);
      at += bytes.length + 63 & -64;
    }
    makeExecutable(code);
    return handles;
  }

  /** At least {@code size} bytes of anonymous memory, readable and writable. */
  private static MemorySegment map(long size) throws IOException {
    long address;
    try {
      address =
          (long)
              function(
                      "mmap",
                      FunctionDescriptor.of(
                          JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG))
                  .invokeExact(
                      0L, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
    } catch (Throwable e) {
      throw new IOException("mmap cannot be called", e);
    }
    if (address == -1) {
      throw new IOException("mmap refused " + size + " bytes for code");
    }
    return MemorySegment.ofAddress(address).reinterpret(size);
  }

  private static void makeExecutable(MemorySegment code) throws IOException {
    int failed;
    try {
      failed =
          (int)
              function("mprotect", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT))
                  .invokeExact(code.address(), code.byteSize(), PROT_READ | PROT_EXEC);
    } catch (Throwable e) {
      throw new IOException("mprotect cannot be called", e);
    }
    if (failed != 0) {
      throw new IOException("mprotect refused to make code executable");
    }
  }

  private static MethodHandle function(String name, FunctionDescriptor shape) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), shape);
  }
}
