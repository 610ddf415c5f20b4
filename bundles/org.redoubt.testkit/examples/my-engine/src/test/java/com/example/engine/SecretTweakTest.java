package com.example.engine;

import java.util.HexFormat;
import java.util.List;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;
import org.redoubt.testkit.encryption.KnownAnswer;
import org.redoubt.testkit.encryption.MemoryEncryptionEngineContract;

class SecretTweakTest extends MemoryEncryptionEngineContract {
  @Override
  protected MemoryEncryptionEngineFactory factory() {
    return new SecretTweak();
  }

  /**
   * SOURCE: two runs of {@code openssl enc -aes-128-ecb -nopad}: T = E2(0050 0...), E1(P ^ T) ^ T.
   */
  @Override
  protected List<KnownAnswer> knownAnswers() {
    HexFormat hex = HexFormat.of();
    byte[] key = hex.parseHex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    byte[] plain = hex.parseHex("00112233445566778899aabbccddeeff");
    byte[] cipher = hex.parseHex("03e1fa49dede2d904095476189a01704");
    return List.of(new KnownAnswer("one block at 5000h", key, 0x5000, plain, cipher));
  }
}
