package org.redoubt.devices.virtio.internal;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Collections;
import java.util.Set;
import org.redoubt.api.HypervisorException;

/** A raw disk image, locked against others for as long as it is open: shared if read-only. */
final class DiskFile implements Disk {
  private static final Set<PosixFilePermission> WRITERS =
      Set.of(
          PosixFilePermission.OWNER_WRITE,
          PosixFilePermission.GROUP_WRITE,
          PosixFilePermission.OTHERS_WRITE);

  private final FileChannel channel;
  private final long sectors;
  private final boolean readOnly;

  private DiskFile(FileChannel channel, long sectors, boolean readOnly) {
    this.channel = channel;
    this.sectors = sectors;
    this.readOnly = readOnly;
  }

  /**
   * Opens an image.
   *
   * @throws HypervisorException one sentence: missing, not a file, locked, not writable, empty or
   *     of a length that is not whole sectors
   */
  static DiskFile open(String file, boolean readOnly) throws HypervisorException {
    Path path;
    try {
      path = Path.of(file);
    } catch (InvalidPathException e) {
      throw new HypervisorException("The disk '%s' is no file name.".formatted(file), e);
    }
    if (!Files.exists(path)) {
      throw new HypervisorException("The disk %s does not exist.".formatted(path));
    }
    if (!Files.isRegularFile(path)) {
      throw new HypervisorException("The disk %s is not a file.".formatted(path));
    }
    try {
      if (!readOnly && (!Files.isWritable(path) || markedReadOnly(path))) {
        throw notWritable(path, null);
      }
      FileChannel channel =
          FileChannel.open(
              path,
              readOnly
                  ? Set.of(StandardOpenOption.READ)
                  : Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE));
      try {
        return checked(channel, path, readOnly);
      } catch (IOException | HypervisorException | RuntimeException e) {
        channel.close();
        throw e;
      }
    } catch (AccessDeniedException e) {
      throw notWritable(path, e);
    } catch (IOException e) {
      throw new HypervisorException("The disk %s cannot be opened: %s".formatted(path, e), e);
    }
  }

  /** Whether nobody may write to it: a superuser could, but was told not to. */
  private static boolean markedReadOnly(Path path) throws IOException {
    try {
      return Collections.disjoint(Files.getPosixFilePermissions(path), WRITERS);
    } catch (UnsupportedOperationException e) {
      return false;
    }
  }

  private static HypervisorException notWritable(
      Path path, @org.jspecify.annotations.Nullable IOException cause) {
    String sentence =
        "The disk %s cannot be written; append ',readonly' to use it all the same.".formatted(path);
    return cause == null
        ? new HypervisorException(sentence)
        : new HypervisorException(sentence, cause);
  }

  private static DiskFile checked(FileChannel channel, Path path, boolean readOnly)
      throws IOException, HypervisorException {
    boolean mine;
    try {
      // Held until the channel is closed.
      mine = channel.tryLock(0, Long.MAX_VALUE, readOnly) != null;
    } catch (OverlappingFileLockException e) {
      mine = false;
    }
    if (!mine) {
      throw new HypervisorException(
          "The disk %s is locked: another virtual machine or program uses it.".formatted(path));
    }
    long size = channel.size();
    if (size == 0 || size % SECTOR_BYTES != 0) {
      throw new HypervisorException(
          "The disk %s has %d bytes, which are not whole sectors of %d: it is truncated or no raw image."
              .formatted(path, size, SECTOR_BYTES));
    }
    return new DiskFile(channel, size / SECTOR_BYTES, readOnly);
  }

  @Override
  public long sectors() {
    return sectors;
  }

  @Override
  public boolean readOnly() {
    return readOnly;
  }

  @Override
  public void read(long offset, MemorySegment target) throws IOException {
    ByteBuffer bytes = target.asByteBuffer();
    while (bytes.hasRemaining()) {
      long at = offset + bytes.position();
      if (channel.read(bytes, at) < 0) {
        throw new EOFException(
            "the image was truncated: it ends before byte %d of %d"
                .formatted(at, sectors * SECTOR_BYTES));
      }
    }
  }

  @Override
  public void write(long offset, MemorySegment source) throws IOException {
    ByteBuffer bytes = source.asByteBuffer();
    while (bytes.hasRemaining()) {
      channel.write(bytes, offset + bytes.position());
    }
  }

  @Override
  public void flush() throws IOException {
    channel.force(false);
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      // what was flushed is there; nothing else was promised
    }
  }
}
