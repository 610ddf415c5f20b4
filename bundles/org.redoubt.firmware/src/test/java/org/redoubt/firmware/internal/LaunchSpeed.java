package org.redoubt.firmware.internal;

import java.lang.foreign.MemorySegment;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.redoubt.api.firmware.Mailbox;
import org.redoubt.api.firmware.SecureProcessorConfig;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.firmware.internal.keys.Chip;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.ActivateBuffer;
import org.redoubt.spec.sev.command.HandleBuffer;
import org.redoubt.spec.sev.command.InitBuffer;
import org.redoubt.spec.sev.command.LaunchStartBuffer;
import org.redoubt.spec.sev.command.LaunchUpdateBuffer;

/**
 * Speed of LAUNCH_UPDATE_DATA over the real memory room and engine, paired run by run with OpenSSL:
 * {@code sha256} plus one {@code aes-128-ecb} of as many bytes. A program, not a test; the rooms
 * {@code memory} and {@code encryption.aes} have to be on the class path. Arguments: MiB, rounds.
 */
final class LaunchSpeed {
  private static final long BUFFER = 0x1000;
  private static final long GUEST = 16 << 20;

  private LaunchSpeed() {}

  public static void main(String[] arguments) throws Exception {
    int mib = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 256;
    int rounds = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 5;
    long bytes = (long) mib << 20;
    try (MemorySystem memory = memory(GUEST + bytes);
        SevSecureProcessor psp = processor(memory)) {
      issue(memory, psp, SevCommand.INIT, new InitBuffer(0, 0, 0)::write);
      byte[] image = new byte[1 << 20];
      new SecureRandom().nextBytes(image);
      for (int asid = 1; asid <= rounds; asid++) {
        for (long at = 0; at < bytes; at += image.length) {
          memory.view(0).write(GUEST + at, MemorySegment.ofArray(image));
        }
        memory.flush();
        issue(memory, psp, SevCommand.LAUNCH_START, new LaunchStartBuffer(0, 0, 0, 0, 0, 0)::write);
        int handle = memory.view(0).getInt(BUFFER);
        issue(memory, psp, SevCommand.ACTIVATE, new ActivateBuffer(handle, asid)::write);
        double openssl = 1 / (1 / speed("sha256") + 1 / speed("aes-128-ecb"));
        long start = System.nanoTime();
        issue(
            memory,
            psp,
            SevCommand.LAUNCH_UPDATE_DATA,
            new LaunchUpdateBuffer(handle, GUEST, (int) bytes)::write);
        double updated = (double) bytes / (System.nanoTime() - start);
        start = System.nanoTime();
        memory.flush(); // what the cache still holds
        double flushed = (double) bytes / (System.nanoTime() - start);
        System.out.printf(
            "%d MiB: LAUNCH_UPDATE_DATA %.2f GB/s, openssl sha256 + aes-128-ecb %.2f GB/s: %.2fx;"
                + " rest flushed at %.1f%n",
            mib, updated, openssl, updated / openssl, flushed);
        issue(memory, psp, SevCommand.DEACTIVATE, new HandleBuffer(handle)::write);
        issue(memory, psp, SevCommand.DECOMMISSION, new HandleBuffer(handle)::write);
      }
    }
  }

  private static void issue(
      MemorySystem memory,
      SevSecureProcessor psp,
      SevCommand command,
      java.util.function.Consumer<MemorySegment> fill) {
    MemorySegment b = MemorySegment.ofArray(new byte[command.bufferBytes()]);
    fill.accept(b);
    memory.view(0).write(BUFFER, b);
    Mailbox m = psp.mailbox();
    m.write(org.redoubt.spec.sev.Mailbox.CMDBUF_ADDR_LO, (int) BUFFER);
    m.write(
        org.redoubt.spec.sev.Mailbox.CMDRESP,
        org.redoubt.spec.sev.Mailbox.commandWord(command.id(), false));
    int status = org.redoubt.spec.sev.Mailbox.status(m.read(org.redoubt.spec.sev.Mailbox.CMDRESP));
    if (status != FirmwareStatus.SUCCESS.code()) {
      throw new IllegalStateException(String.valueOf(psp.history().getLast()));
    }
  }

  /** GB/s of one OpenSSL algorithm in one second. */
  static double speed(String algorithm) throws Exception {
    return speed(true, "-evp", algorithm);
  }

  /**
   * GB/s of one OpenSSL algorithm in one second.
   *
   * @param clock by the clock; else of its own processor time
   * @param kind what the algorithm is to {@code openssl speed}
   */
  static double speed(boolean clock, String kind, String algorithm) throws Exception {
    List<String> line = new ArrayList<>(List.of("openssl", "speed"));
    if (clock) {
      line.add("-elapsed");
    }
    line.addAll(List.of("-mr", "-seconds", "1", "-bytes", "16384", kind, algorithm));
    Process p = new ProcessBuilder(line).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    String out = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    String last = out.lines().filter(l -> l.startsWith("+F:")).reduce((a, b) -> b).orElseThrow();
    String[] parts = last.split(":", -1);
    return Double.parseDouble(parts[parts.length - 1].strip()) / 1e9;
  }

  static SevSecureProcessor processor(MemorySystem memory) throws Exception {
    SecureRandom random = new SecureRandom();
    return new SevSecureProcessor(
        new SecureProcessorConfig("psp0", memory, Optional.empty(), List::of),
        Chip.open(Optional.empty(), random),
        random,
        Duration.ofSeconds(1));
  }

  /** The memory room with the engine aes-128-xex, past its component, which wants a framework. */
  static MemorySystem memory(long bytes) throws Exception {
    String room = "org.redoubt.memory.internal.";
    var settings = Class.forName(room + "Settings").getDeclaredField("DEFAULT");
    settings.setAccessible(true);
    Object factory = make(room + "MemoryFactory", settings.get(null));
    Object engine = make("org.redoubt.encryption.aes.Aes128Xex");
    call(factory, "engineCame", "aes-128-xex", engine, 0, 0L);
    return (MemorySystem) call(factory, "create", MemoryConfig.of("speed", bytes));
  }

  private static Object make(String type, Object... arguments) throws Exception {
    Constructor<?> c =
        Arrays.stream(Class.forName(type).getDeclaredConstructors())
            .filter(x -> x.getParameterCount() == arguments.length)
            .findFirst()
            .orElseThrow();
    c.setAccessible(true);
    return c.newInstance(arguments);
  }

  private static Object call(Object target, String name, Object... arguments) throws Exception {
    Method m =
        Arrays.stream(target.getClass().getDeclaredMethods())
            .filter(x -> x.getName().equals(name) && x.getParameterCount() == arguments.length)
            .findFirst()
            .orElseThrow();
    m.setAccessible(true);
    return m.invoke(target, arguments);
  }
}
