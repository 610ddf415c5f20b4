package org.redoubt.memory.internal;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.redoubt.api.memory.KeyInstaller;

/** Gives every (ASID, engine) its own key, always the same one; can refuse. */
final class Keys4Tests implements KeyInstaller {
  final List<String> asked = new CopyOnWriteArrayList<>();
  volatile Optional<String> refusal = Optional.empty();
  volatile int life;

  static byte[] key(int asid, String engine, int life, int length) {
    byte[] key = new byte[length];
    long x = asid * 1_000_003L + engine.hashCode() + life * 7919L;
    for (int i = 0; i < length; i++) {
      x = x * 6364136223846793005L + 1442695040888963407L;
      key[i] = (byte) (x >>> 56);
    }
    return key;
  }

  @Override
  public Optional<String> install(int asid, String engineName, MemorySegment key) {
    asked.add(asid + " " + engineName);
    if (refusal.isEmpty()) {
      MemorySegment.copy(
          key(asid, engineName, life, (int) key.byteSize()),
          0,
          key,
          ValueLayout.JAVA_BYTE,
          0,
          (int) key.byteSize());
    }
    return refusal;
  }
}
