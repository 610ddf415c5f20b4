package org.redoubt.memory.internal;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.Optional;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.memory.AddressMap;
import org.redoubt.api.memory.KeyStatus;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemorySystem;

/** A factory with two fake engines, alpha (the default) and beta, and systems made of it. */
final class Rig {
  static final int PAGE = AddressMap.PAGE_BYTES;
  private static final java.util.logging.Logger QUIET =
      java.util.logging.Logger.getLogger("org.redoubt.memory");

  static {
    // Suspensions are what many tests are about.
    QUIET.setLevel(java.util.logging.Level.OFF);
  }

  /** For engines that do not return; long enough for those beside them on a busy machine. */
  static final Duration SHORT = Duration.ofSeconds(2);

  final FakeEngine alpha = new FakeEngine(1);
  final FakeEngine beta = new FakeEngine(2);
  final Keys4Tests keys = new Keys4Tests();
  final MemoryFactory factory;

  Rig() {
    this(Duration.ofSeconds(60));
  }

  Rig(Duration engineLimit) {
    factory =
        new MemoryFactory(
            new Settings(
                Optional.empty(), Optional.empty(), engineLimit, Duration.ofSeconds(60), true));
    factory.engineCame("alpha", alpha, 10, 1);
    factory.engineCame("beta", beta, 5, 2);
  }

  static MemoryConfig config(int dramPages, int cachePages) {
    return MemoryConfig.of("test", (long) dramPages * PAGE)
        .withSocCacheBytes((long) cachePages * PAGE);
  }

  MemorySystem system(int dramPages, int cachePages) {
    return system(config(dramPages, cachePages));
  }

  /** A system with a key installer and ASIDs 1 to 4 active. */
  MemorySystem system(MemoryConfig config) {
    try {
      MemorySystem system = factory.create(config);
      system.setKeyInstaller(Optional.of(keys));
      for (int asid = 1; asid <= 4; asid++) {
        if (system.activate(asid) != KeyStatus.INSTALLED) {
          throw new AssertionError("ASID " + asid + " refused: " + system.refusal(asid));
        }
      }
      return system;
    } catch (HypervisorException e) {
      throw new AssertionError(e);
    }
  }

  static byte[] pattern(long seed, int length) {
    byte[] bytes = new byte[length];
    new java.util.Random(seed).nextBytes(bytes);
    return bytes;
  }

  static byte[] read(MemorySystem system, int tag, long spa, int length) {
    byte[] bytes = new byte[length];
    system.view(tag).read(spa, MemorySegment.ofArray(bytes));
    return bytes;
  }

  static void write(MemorySystem system, int tag, long spa, byte[] bytes) {
    system.view(tag).write(spa, MemorySegment.ofArray(bytes));
  }

  /** What another process would see in DRAM. */
  static byte[] dram(MemorySystem system, long spa, int length) {
    return ((SocMemory) system)
        .cache()
        .dram()
        .bytes()
        .asSlice(spa, length)
        .toArray(ValueLayout.JAVA_BYTE);
  }
}
