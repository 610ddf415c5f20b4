package org.redoubt.encryption.none;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.redoubt.api.encryption.MemoryEncryptionEngine;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;
import org.redoubt.testkit.encryption.EngineClaim;
import org.redoubt.testkit.encryption.MemoryEncryptionEngineContract;

class NoEncryptionTest extends MemoryEncryptionEngineContract {
  @Override
  protected MemoryEncryptionEngineFactory factory() {
    return new NoEncryption();
  }

  @Override
  protected Set<EngineClaim> claims() {
    return EnumSet.of(EngineClaim.ALLOCATION_FREE);
  }

  @Test
  void shouldLeaveEveryByteAsItIs() {
    byte[] plain = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    MemorySegment cipher = MemorySegment.ofArray(new byte[16]);
    try (MemoryEncryptionEngine engine =
        new NoEncryption().create(MemorySegment.ofArray(new byte[0]))) {
      engine.encrypt(0x5000, MemorySegment.ofArray(plain), cipher);
    }
    assertArrayEquals(plain, cipher.toArray(ValueLayout.JAVA_BYTE));
  }
}
