package org.redoubt.encryption.aes;

import java.util.List;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;
import org.redoubt.testkit.encryption.KnownAnswer;
import org.redoubt.testkit.encryption.MemoryEncryptionEngineContract;

class Aes256XtsTest extends MemoryEncryptionEngineContract {
  @Override
  protected MemoryEncryptionEngineFactory factory() {
    return new Aes256Xts();
  }

  @Override
  protected List<KnownAnswer> knownAnswers() {
    return KnownAnswer.of("aes-256-xts");
  }
}
