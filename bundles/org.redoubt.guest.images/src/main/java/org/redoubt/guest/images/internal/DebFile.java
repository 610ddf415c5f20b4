package org.redoubt.guest.images.internal;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Predicate;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.redoubt.guest.images.ImageException;
import org.redoubt.guest.images.Progress;
import org.tukaani.xz.XZIOException;
import org.tukaani.xz.XZInputStream;

/**
 * Unpacks the files of a package. deb(5): an ar archive; its member {@code data.tar.*} holds the
 * files.
 *
 * <pre>
 *   ar    "!&lt;arch&gt;\n"; members: NAME 16, MTIME 12, UID 6, GID 6, MODE 8, SIZE 10 (decimal), "`\n"; contents; even
 *   tar   blocks of 512: NAME 100, MODE 8, UID 8, GID 8, SIZE 12 (octal), MTIME 12, CHECKSUM 8, TYPE 1, LINK 100, ...
 *         PREFIX at 345; type L: the contents are the next entry's name
 * </pre>
 *
 * Only regular files are taken, and no name leads out of the target folder.
 */
public final class DebFile {
  private static final int BLOCK = 512;
  private static final int AR_HEADER = 60;
  private static final int LONGEST_NAME = 4096;

  private DebFile() {}

  /**
   * Unpacks what the predicate accepts.
   *
   * @param deb the package's file
   * @param wanted asked with each path, relative, without {@code ./}
   * @param target folder to unpack into
   */
  public static void unpack(
      Path deb, Predicate<String> wanted, Path target, String what, Progress progress)
      throws IOException, ImageException {
    long total = Files.size(deb);
    try (Counting in = new Counting(new BufferedInputStream(Files.newInputStream(deb)))) {
      if (!new String(in.readNBytes(8), StandardCharsets.US_ASCII).equals("!<arch>\n")) {
        throw new ImageException("%s is no Debian package.".formatted(deb.getFileName()));
      }
      while (true) {
        byte[] header = in.readNBytes(AR_HEADER);
        if (header.length < AR_HEADER) {
          throw new ImageException("The package %s has no data.tar.".formatted(deb.getFileName()));
        }
        String name = field(header, 0, 16).replace("/", "");
        long size = Long.parseLong(field(header, 48, 10));
        if (name.startsWith("data.tar")) {
          in.progress = done -> progress.at(what, done, total);
          untar(decompress(name, in, deb), wanted, target);
          return;
        }
        in.skipNBytes(size + (size & 1));
      }
    } catch (NumberFormatException | EOFException | XZIOException | ZipException e) {
      throw new ImageException("The package %s is damaged.".formatted(deb.getFileName()), e);
    }
  }

  private static InputStream decompress(String name, InputStream in, Path deb)
      throws IOException, ImageException {
    return switch (name) {
      case "data.tar" -> in;
      case "data.tar.xz" -> new XZInputStream(in);
      case "data.tar.gz" -> new GZIPInputStream(in);
      default ->
          throw new ImageException(
              "The package %s holds %s, a compression that is not supported; unpack it and give --kernel."
                  .formatted(deb.getFileName(), name));
    };
  }

  private static void untar(InputStream in, Predicate<String> wanted, Path target)
      throws IOException, ImageException {
    String longName = "";
    while (true) {
      byte[] header = in.readNBytes(BLOCK);
      if (header.length < BLOCK || header[0] == 0) {
        return;
      }
      long size = Long.parseLong("0" + field(header, 124, 12), 8);
      char type = (char) header[156];
      if (type == 'L') {
        if (size > LONGEST_NAME) {
          throw new ImageException("A package has a file name of %d bytes.".formatted(size));
        }
        longName = field(in.readNBytes((int) size), 0, (int) size);
        in.skipNBytes(padding(size));
        continue;
      }
      String path = longName.isEmpty() ? name(header) : longName;
      longName = "";
      path = path.replaceFirst("^(\\./|/)+", "");
      if ((type == '0' || type == 0) && wanted.test(path)) {
        copy(in, size, inside(target, path));
      } else {
        in.skipNBytes(size);
      }
      in.skipNBytes(padding(size));
    }
  }

  private static String name(byte[] header) {
    String name = field(header, 0, 100);
    boolean posix = field(header, 257, 6).equals("ustar") && header[262] == 0;
    String prefix = posix ? field(header, 345, 155) : "";
    return prefix.isEmpty() ? name : prefix + "/" + name;
  }

  private static Path inside(Path target, String path) throws ImageException {
    Path root = target.toAbsolutePath().normalize();
    Path file = root.resolve(path).normalize();
    if (!file.startsWith(root) || file.equals(root)) {
      throw new ImageException(
          "A package has a file '%s', which leads out of its folder.".formatted(path));
    }
    return file;
  }

  private static void copy(InputStream in, long size, Path file) throws IOException {
    Files.createDirectories(file.resolveSibling("."));
    try (var out = Files.newOutputStream(file)) {
      byte[] buffer = new byte[1 << 16];
      for (long left = size; left > 0; ) {
        int n = in.read(buffer, 0, (int) Math.min(left, buffer.length));
        if (n < 0) {
          throw new EOFException();
        }
        out.write(buffer, 0, n);
        left -= n;
      }
    }
  }

  private static long padding(long size) {
    return -size & BLOCK - 1;
  }

  private static String field(byte[] from, int at, int length) {
    int end = at;
    while (end < Math.min(at + length, from.length) && from[end] != 0) {
      end++;
    }
    return new String(from, at, end - at, StandardCharsets.UTF_8).strip();
  }

  /** Counts what has been read of the package's file. */
  private static final class Counting extends java.io.FilterInputStream {
    private static final long STEP = 1 << 18;
    java.util.function.LongConsumer progress = done -> {};
    private long done;
    private long said;

    Counting(InputStream in) {
      super(in);
    }

    private int count(int n) {
      done += Math.max(n, 0);
      if (done - said >= STEP) {
        said = done;
        progress.accept(done);
      }
      return n;
    }

    @Override
    public int read() throws IOException {
      int value = super.read();
      count(value < 0 ? 0 : 1);
      return value;
    }

    @Override
    public int read(byte[] bytes, int at, int length) throws IOException {
      return count(super.read(bytes, at, length));
    }
  }
}
