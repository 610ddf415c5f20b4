package org.redoubt.guest.images.internal;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.XZOutputStream;

/** Writes packages as dpkg-deb does: ar, with GNU tar in xz inside. */
public final class FakeDeb {
  private FakeDeb() {}

  /** A package with these files. */
  public static byte[] of(Map<String, String> files) throws IOException {
    return ar("data.tar.xz", xz(tar(files)));
  }

  static byte[] xz(byte[] bytes) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (XZOutputStream xz = new XZOutputStream(out, new LZMA2Options(0))) {
      xz.write(bytes);
    }
    return out.toByteArray();
  }

  static byte[] ar(String name, byte[] contents) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(ascii("!<arch>\n"));
    member(out, "debian-binary", ascii("2.0\n"));
    member(out, "control.tar.xz", new byte[] {1, 2, 3});
    member(out, name, contents);
    return out.toByteArray();
  }

  private static void member(ByteArrayOutputStream out, String name, byte[] contents) {
    out.writeBytes(
        ascii(
            "%-16s%-12d%-6d%-6d%-8s%-10d`\n".formatted(name, 0, 0, 0, "100644", contents.length)));
    out.writeBytes(contents);
    if (contents.length % 2 != 0) {
      out.write('\n');
    }
  }

  static byte[] tar(Map<String, String> files) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    entry(out, "./", '5', new byte[0]);
    files.forEach((path, contents) -> {
      if (path.length() >= 100) {
        entry(out, "././@LongLink", 'L', ascii(path + "\0"));
      }
      entry(out, path.substring(0, Math.min(path.length(), 99)), '0', ascii(contents));
    });
    entry(out, "./link", '2', new byte[0]);
    out.writeBytes(new byte[1024]);
    return out.toByteArray();
  }

  private static void entry(ByteArrayOutputStream out, String name, char type, byte[] contents) {
    byte[] header = new byte[512];
    byte[] encoded = ascii(name);
    System.arraycopy(encoded, 0, header, 0, encoded.length);
    byte[] size = ascii("%011o".formatted(contents.length));
    System.arraycopy(size, 0, header, 124, size.length);
    header[156] = (byte) type;
    System.arraycopy(ascii("ustar  "), 0, header, 257, 7);
    out.writeBytes(header);
    out.writeBytes(contents);
    out.writeBytes(new byte[-contents.length & 511]);
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}
