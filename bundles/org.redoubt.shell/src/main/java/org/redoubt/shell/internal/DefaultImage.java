package org.redoubt.shell.internal;

import java.nio.file.Path;

/**
 * The guest for those who named no kernel.
 *
 * @param io where progress is shown
 */
record DefaultImage(ShellCommand.Io io) {
  /**
   * Its files.
   *
   * @param kernel a bzImage
   * @param initrd busybox and a shell
   */
  record Files(Path kernel, Path initrd) {}

  /**
   * Finds or fetches it.
   *
   * @throws UsageException if it can be had from nowhere
   */
  Files files() throws UsageException {
    throw new UsageException("There is no guest kernel yet; give --kernel and --initrd");
  }
}
