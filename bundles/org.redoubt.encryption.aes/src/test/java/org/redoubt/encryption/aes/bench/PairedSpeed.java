package org.redoubt.encryption.aes.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.charset.StandardCharsets;
import org.redoubt.api.encryption.MemoryEncryptionEngine;

/**
 * The Java half of {@code src/test/bench/compare-with-openssl.py}: for each line of input, {@code
 * <engine> encrypt|decrypt <seconds>}, measures and answers in bytes per second of this thread's
 * processor time, which is what {@code openssl speed} counts too. One page of 4,096 bytes goes from
 * one place off the heap to another, as in {@code openssl speed -bytes 4096}.
 */
public final class PairedSpeed {
  private static final int PAGE = 4096;
  private static final int BATCH = 4096;

  private PairedSpeed() {}

  public static void main(String[] args) throws IOException {
    try (Arena arena = Arena.ofConfined();
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII))) {
      MemorySegment from = arena.allocate(PAGE, PAGE).fill((byte) 1);
      MemorySegment to = arena.allocate(PAGE, PAGE);
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        String[] words = line.split(" ");
        try (MemoryEncryptionEngine engine = Engines.create(words[0])) {
          double seconds = Double.parseDouble(words[2]);
          System.out.println(measure(engine, words[1].equals("encrypt"), seconds, from, to));
        }
      }
    }
  }

  private static long measure(
      MemoryEncryptionEngine engine,
      boolean encrypt,
      double seconds,
      MemorySegment from,
      MemorySegment to) {
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    long start = threads.getCurrentThreadCpuTime();
    long limitNs = (long) (seconds * 1e9);
    long pages = 0;
    long spent;
    do {
      for (int i = 0; i < BATCH; i++) {
        long spa = (pages + i) * PAGE;
        if (encrypt) {
          engine.encrypt(spa, from, to);
        } else {
          engine.decrypt(spa, from, to);
        }
      }
      pages += BATCH;
      spent = threads.getCurrentThreadCpuTime() - start;
    } while (spent < limitNs);
    return (long) (pages * PAGE / (spent / 1e9));
  }
}
