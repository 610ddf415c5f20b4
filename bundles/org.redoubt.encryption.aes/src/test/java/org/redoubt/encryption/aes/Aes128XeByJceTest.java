package org.redoubt.encryption.aes;

import java.util.List;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;
import org.redoubt.testkit.encryption.KnownAnswer;
import org.redoubt.testkit.encryption.MemoryEncryptionEngineContract;

/** The way of hosts without VAES. */
class Aes128XeByJceTest extends MemoryEncryptionEngineContract {
  @Override
  protected MemoryEncryptionEngineFactory factory() {
    return new Aes128Xe(false);
  }

  @Override
  protected List<KnownAnswer> knownAnswers() {
    return KnownAnswer.of("aes-128-xe");
  }
}
