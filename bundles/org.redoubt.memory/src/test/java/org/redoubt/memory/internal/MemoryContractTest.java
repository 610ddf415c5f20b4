package org.redoubt.memory.internal;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemorySystemFactory;
import org.redoubt.testkit.memory.MemorySystemContract;

class MemoryContractTest extends MemorySystemContract {
  @Override
  protected MemorySystemFactory factory(Map<String, MemoryEncryptionEngineFactory> engines) {
    MemoryFactory factory =
        new MemoryFactory(
            new Settings(
                Optional.empty(),
                Optional.empty(),
                Duration.ofSeconds(60),
                Duration.ofSeconds(60),
                true));
    int rank = 100;
    for (var engine : engines.entrySet()) {
      factory.engineCame(engine.getKey(), engine.getValue(), rank, rank);
      rank--;
    }
    return new MemorySystemFactory() {
      @Override
      public MemorySystem create(MemoryConfig config) throws HypervisorException {
        return factory.create(config);
      }

      @Override
      public List<MemorySystem> systems() {
        return factory.systems();
      }
    };
  }
}
