package org.redoubt.itests;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.redoubt.api.memory.KeyInstaller;

/** Gives out random keys and remembers them: the test's stand-in for the firmware. */
final class TestKeys implements KeyInstaller {
  private final Map<String, byte[]> keys = new ConcurrentHashMap<>();
  private final SecureRandom random = new SecureRandom();

  @Override
  public Optional<String> install(int asid, String engineName, MemorySegment key) {
    byte[] bytes = new byte[(int) key.byteSize()];
    random.nextBytes(bytes);
    keys.put(asid + " " + engineName, bytes);
    MemorySegment.copy(bytes, 0, key, ValueLayout.JAVA_BYTE, 0, bytes.length);
    return Optional.empty();
  }

  /** The key in use, as hex digits. */
  String exported(int asid, String engineName) {
    return HexFormat.of().formatHex(Objects.requireNonNull(keys.get(asid + " " + engineName)));
  }
}
