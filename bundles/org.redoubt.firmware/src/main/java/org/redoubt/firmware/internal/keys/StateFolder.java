package org.redoubt.firmware.internal.keys;

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Files in the folder of a chip's non-volatile state: readable by their owner only, replaced whole
 * or not at all.
 */
final class StateFolder {
  private static final ReentrantLock IN_PROCESS = new ReentrantLock();

  private final Path folder;

  /** Makes the folder if it is not there. */
  StateFolder(Path folder) throws IOException {
    this.folder = folder;
    if (!Files.isDirectory(folder)) {
      Files.createDirectories(folder, attributes("rwx------"));
    }
  }

  Optional<byte[]> read(String name) throws IOException {
    try {
      return Optional.of(Files.readAllBytes(folder.resolve(name)));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
  }

  /**
   * Afterwards, also if the machine stops at any moment, the file is the old one or the new one.
   */
  void write(String name, byte[] bytes) throws IOException {
    Path temporary = folder.resolve(name + ".new");
    Files.deleteIfExists(temporary);
    try (FileChannel out =
        FileChannel.open(temporary, Set.of(CREATE_NEW, WRITE), attributes("rw-------"))) {
      ByteBuffer b = ByteBuffer.wrap(bytes);
      while (b.hasRemaining()) {
        out.write(b);
      }
      out.force(true);
    }
    Files.move(temporary, folder.resolve(name), ATOMIC_MOVE);
  }

  /**
   * What is done while nobody else reads or makes anything in the folder.
   *
   * @param <T> what comes of it
   * @param <E> how else it may fail
   */
  @FunctionalInterface
  interface Job<T, E extends Exception> {
    T run() throws IOException, E;
  }

  /**
   * Keeps this process's other chips and all other processes out, so that what is not there is made
   * once, and what belongs together is read together. May be nested.
   */
  <T, E extends Exception> T alone(Job<T, E> job) throws IOException, E {
    IN_PROCESS.lock();
    try {
      if (IN_PROCESS.getHoldCount() > 1) {
        return job.run();
      }
      try (FileChannel channel =
              FileChannel.open(
                  folder.resolve("lock"), Set.of(CREATE, WRITE), attributes("rw-------"));
          FileLock lock = channel.lock()) {
        return job.run();
      }
    } finally {
      IN_PROCESS.unlock();
    }
  }

  private static FileAttribute<?>[] attributes(String permissions) {
    return FileSystems.getDefault().supportedFileAttributeViews().contains("posix")
        ? new FileAttribute<?>[] {
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions))
        }
        : new FileAttribute<?>[0];
  }
}
