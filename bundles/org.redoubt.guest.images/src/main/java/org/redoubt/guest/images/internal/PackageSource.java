package org.redoubt.guest.images.internal;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.redoubt.guest.images.ImageException;
import org.redoubt.guest.images.Progress;

/** Where packages for amd64 come from. */
public interface PackageSource {
  /** The newest package of that name, or empty if the source has none. */
  Optional<DebPackage> find(String name) throws IOException, InterruptedException, ImageException;

  /**
   * The same repository's packages of another suite, and only that.
   *
   * @param name such as {@code bookworm-backports}
   */
  PackageSource suite(String name);

  /**
   * Fetches a package's file. Its checksum is checked by the caller.
   *
   * @param folder an empty folder to put it into
   * @return the file
   */
  Path fetch(DebPackage wanted, Path folder, Progress progress)
      throws IOException, InterruptedException, ImageException;
}
