package org.redoubt.encryption.aes;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.redoubt.api.encryption.MemoryEncryptionEngine;

class Aes128XexTest {
  /**
   * SOURCE: computed apart from this code, with Python's {@code cryptography} (AES-128-ECB) and
   * {@code hashlib} (the constants of the tweak).
   */
  @Test
  void shouldGiveTheIndependentlyComputedCiphertext() {
    byte[] plain = HexFormat.of().parseHex("00112233445566778899aabbccddeeff");
    byte[] cipher = new byte[16];
    MemorySegment key =
        MemorySegment.ofArray(HexFormat.of().parseHex("000102030405060708090a0b0c0d0e0f"));

    try (MemoryEncryptionEngine engine = new Aes128Xex().create(key)) {
      engine.encrypt(0x123456789a0L, MemorySegment.ofArray(plain), MemorySegment.ofArray(cipher));
      assertEquals("17f51df82b0b0d306022a30449e6849e", HexFormat.of().formatHex(cipher));

      MemorySegment back = MemorySegment.ofArray(new byte[16]);
      engine.decrypt(0x123456789a0L, MemorySegment.ofArray(cipher), back);
      assertEquals(
          "00112233445566778899aabbccddeeff",
          HexFormat.of().formatHex(back.toArray(ValueLayout.JAVA_BYTE)));
    }
  }
}
