package org.redoubt.encryption.bouncycastle;

import java.util.List;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;
import org.redoubt.testkit.encryption.KnownAnswer;
import org.redoubt.testkit.encryption.MemoryEncryptionEngineContract;

class BouncyCastleXexTest extends MemoryEncryptionEngineContract {
  @Override
  protected MemoryEncryptionEngineFactory factory() {
    return new BouncyCastleXex();
  }

  /** Byte for byte the same: so it owes the other engine's answers. */
  @Override
  protected List<KnownAnswer> knownAnswers() {
    return KnownAnswer.of("aes-128-xex");
  }
}
