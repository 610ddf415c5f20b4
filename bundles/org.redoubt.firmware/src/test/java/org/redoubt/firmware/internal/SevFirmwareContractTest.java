package org.redoubt.firmware.internal;

import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.io.TempDir;
import org.redoubt.api.firmware.SecureProcessorFactory;
import org.redoubt.testkit.firmware.SecureProcessorContract;

/** The firmware {@code sev} takes the exam of all firmwares. */
final class SevFirmwareContractTest extends SecureProcessorContract {
  @TempDir Path folder;

  @Override
  protected SecureProcessorFactory factory() {
    return new SevFirmwareFactory();
  }

  @Override
  protected Optional<Path> state() {
    Roots.into(folder);
    return Optional.of(folder);
  }
}
