package org.redoubt.owner;

import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;

/** Files that only their owner may read. */
final class SecretFile {
  private SecretFile() {}

  /** Writes a file anew, and clears {@code raw}. */
  static void write(Path file, byte[] raw) throws IOException {
    try {
      Files.deleteIfExists(file);
      if (FileSystems.getDefault().supportedFileAttributeViews().contains("posix")) {
        Files.createFile(
            file,
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
      }
      Files.write(file, raw);
    } finally {
      Arrays.fill(raw, (byte) 0);
    }
  }
}
