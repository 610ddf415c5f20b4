package org.redoubt.guest.images.internal;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;

/**
 * Writes the archive format of initial RAM disks. Linux,
 * Documentation/driver-api/early-userspace/buffer-format.
 *
 * <pre>
 *   "070701", then in 8 hex digits each: ino mode uid gid nlink mtime filesize major minor rmajor rminor namesize check
 *   name, NUL, zeros to a multiple of 4, contents, zeros to a multiple of 4; "TRAILER!!!" ends the archive
 * </pre>
 *
 * Entries are sorted, owned by root and dated 1970, so that equal input gives equal bytes.
 */
public final class CpioNewc {
  private static final int DIRECTORY = 0040000;
  private static final int REGULAR = 0100000;
  private static final int SYMLINK = 0120000;
  private static final int CHARACTER = 0020000;

  private final Map<String, Entry> entries = new TreeMap<>();

  private record Entry(int mode, byte[] contents, int major, int minor) {}

  /** Adds a folder and those above it. */
  public void directory(String path) {
    put(path, new Entry(DIRECTORY | 0755, new byte[0], 0, 0));
  }

  /** Adds a file and the folders above it; replaces one of that name. */
  public void file(String path, byte[] contents, int permissions) {
    put(path, new Entry(REGULAR | permissions, contents.clone(), 0, 0));
  }

  /** Adds a symbolic link. */
  public void symlink(String path, String target) {
    put(path, new Entry(SYMLINK | 0777, target.getBytes(StandardCharsets.UTF_8), 0, 0));
  }

  /** Adds a character device. */
  public void device(String path, int major, int minor) {
    put(path, new Entry(CHARACTER | 0600, new byte[0], major, minor));
  }

  private void put(String path, Entry entry) {
    String relative = path.startsWith("/") ? path.substring(1) : path;
    if (relative.isEmpty()
        || (relative + "/").contains("//")
        || ("/" + relative + "/").contains("/../")) {
      throw new IllegalArgumentException("'%s' is no path in an archive".formatted(path));
    }
    for (int slash = relative.indexOf('/'); slash > 0; slash = relative.indexOf('/', slash + 1)) {
      entries.putIfAbsent(
          relative.substring(0, slash), new Entry(DIRECTORY | 0755, new byte[0], 0, 0));
    }
    entries.put(relative, entry);
  }

  /** The whole archive. */
  public byte[] toByteArray() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    int inode = 1;
    for (Map.Entry<String, Entry> entry : entries.entrySet()) {
      write(out, inode++, entry.getKey(), entry.getValue());
    }
    write(out, 0, "TRAILER!!!", new Entry(0, new byte[0], 0, 0));
    return out.toByteArray();
  }

  private static void write(ByteArrayOutputStream out, int inode, String path, Entry entry) {
    byte[] name = path.getBytes(StandardCharsets.UTF_8);
    int links = (entry.mode & DIRECTORY) != 0 ? 2 : 1;
    int[] fields = {
      inode,
      entry.mode,
      0,
      0,
      links,
      0,
      entry.contents.length,
      0,
      0,
      entry.major,
      entry.minor,
      name.length + 1,
      0
    };
    StringBuilder header = new StringBuilder("070701");
    for (int field : fields) {
      header.append("%08X".formatted(field));
    }
    out.writeBytes(header.toString().getBytes(StandardCharsets.US_ASCII));
    out.writeBytes(name);
    out.write(0);
    align(out);
    out.writeBytes(entry.contents);
    align(out);
  }

  private static void align(ByteArrayOutputStream out) {
    while (out.size() % 4 != 0) {
      out.write(0);
    }
  }
}
