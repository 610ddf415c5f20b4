package org.redoubt.itests;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import org.tukaani.xz.SingleXZInputStream;

/**
 * The ELF kernel in a bzImage, packed with LZ4 (Debian 12) or xz. Linux,
 * Documentation/arch/x86/boot, payload_offset; LZ4's block format and legacy frame format.
 */
final class Vmlinux {
  private static final int XZ = 0x587A_37FD;
  private static final int LZ4_LEGACY = 0x184C_2102;

  /** Most bytes that a block of the legacy frame unpacks to. */
  private static final int BLOCK = 8 << 20;

  private Vmlinux() {}

  /** Unpacks it. */
  static byte[] of(Path bzImage) throws IOException {
    ByteBuffer file = ByteBuffer.wrap(Files.readAllBytes(bzImage)).order(ByteOrder.LITTLE_ENDIAN);
    int at = (1 + Byte.toUnsignedInt(file.get(0x1F1))) * 512 + file.getInt(0x248);
    // Its last four bytes are the unpacked length.
    ByteBuffer payload = file.slice(at, file.getInt(0x24C) - 4).order(ByteOrder.LITTLE_ENDIAN);
    return switch (payload.getInt(0)) {
      case LZ4_LEGACY -> lz4(payload.position(4));
      case XZ -> xz(payload);
      default ->
          throw new IOException(
              "%s is packed by what begins with %08x".formatted(bzImage, payload.getInt(0)));
    };
  }

  private static byte[] xz(ByteBuffer packed) throws IOException {
    byte[] bytes = new byte[packed.remaining()];
    packed.get(bytes);
    try (SingleXZInputStream in = new SingleXZInputStream(new ByteArrayInputStream(bytes))) {
      return in.readAllBytes();
    }
  }

  private static byte[] lz4(ByteBuffer packed) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(64 << 20);
    byte[] block = new byte[BLOCK];
    while (packed.remaining() >= 4) {
      int bytes = packed.getInt();
      out.write(block, 0, block(packed.slice(packed.position(), bytes), block));
      packed.position(packed.position() + bytes);
    }
    return out.toByteArray();
  }

  /** Sequences of literals and a match: token, lengths of 15 and more in bytes after it. */
  private static int block(ByteBuffer in, byte[] out) {
    int at = 0;
    while (in.hasRemaining()) {
      int token = Byte.toUnsignedInt(in.get());
      int literals = length(in, token >> 4);
      in.get(out, at, literals);
      at += literals;
      if (!in.hasRemaining()) {
        break; // the last sequence has no match
      }
      int distance = Byte.toUnsignedInt(in.get()) | Byte.toUnsignedInt(in.get()) << 8;
      int match = length(in, token & 15) + 4;
      for (int i = 0; i < match; i++, at++) {
        out[at] = out[at - distance];
      }
    }
    return at;
  }

  private static int length(ByteBuffer in, int nibble) {
    int length = nibble;
    int more = nibble == 15 ? 255 : 0;
    while (more == 255) {
      more = Byte.toUnsignedInt(in.get());
      length += more;
    }
    return length;
  }
}
