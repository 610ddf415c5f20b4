package org.redoubt.encryption.aes;

import java.util.List;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;
import org.redoubt.testkit.encryption.KnownAnswer;
import org.redoubt.testkit.encryption.MemoryEncryptionEngineContract;

class Aes128XeTest extends MemoryEncryptionEngineContract {
  @Override
  protected MemoryEncryptionEngineFactory factory() {
    return new Aes128Xe();
  }

  @Override
  protected List<KnownAnswer> knownAnswers() {
    return KnownAnswer.of("aes-128-xe");
  }
}
