package org.redoubt.devices.virtio.internal;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.io.TempDir;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.testkit.device.DeviceContract;

/** Every virtio device takes the exam. */
final class VirtioContractTest {
  @TempDir private Path folder;

  @Nested
  class RngContract extends DeviceContract {
    @Override
    protected DeviceFactory factory() {
      return new Rng.Factory();
    }
  }

  @Nested
  class BlockContract extends DeviceContract {
    private int disks;

    @Override
    protected DeviceFactory factory() {
      return new Block.Factory();
    }

    @Override
    protected Map<String, String> options() {
      try {
        // Each device locks its file.
        Path disk = Files.write(folder.resolve("disk" + disks++), new byte[64 * 512]);
        return Map.of("file", disk.toString());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  @Nested
  class ConsoleContract extends DeviceContract {
    @Override
    protected DeviceFactory factory() {
      return new Console.Factory();
    }
  }

  @Nested
  class BalloonContract extends DeviceContract {
    @Override
    protected DeviceFactory factory() {
      return new Balloon.Factory();
    }
  }

  @Nested
  class NetContract extends DeviceContract {
    @Override
    protected DeviceFactory factory() {
      return new Net.Factory();
    }
  }
}
