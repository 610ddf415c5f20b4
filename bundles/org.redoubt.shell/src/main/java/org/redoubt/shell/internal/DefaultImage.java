package org.redoubt.shell.internal;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.redoubt.guest.images.DebianKernel;
import org.redoubt.guest.images.GuestImage;
import org.redoubt.guest.images.GuestImages;
import org.redoubt.guest.images.ImageException;
import org.redoubt.guest.images.Initramfs;

/**
 * The guest for those who named no kernel, or one of Debian's.
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
   * @param series the kernel's; any if it is empty
   * @param modules kernel modules to load, with those that they need
   * @throws UsageException if it can be had from nowhere
   */
  Files files(Optional<DebianKernel> series, List<String> modules) throws UsageException {
    GuestImages images = new GuestImages(GuestImages.defaultCache(), new Bars(io));
    try {
      GuestImage image = series.isPresent() ? images.debian(series.get()) : images.debian();
      return new Files(
          image.kernel(), images.store(Initramfs.of(image).modules(image, modules).build()));
    } catch (ImageException e) {
      throw new UsageException(Failures.oneLine(e));
    }
  }
}
