package org.redoubt.linux.boot;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/**
 * The few ACPI Machine Language terms our DSDT needs. ACPI 6.5 chapter 20. Each method yields one
 * encoded term.
 */
final class Aml {
  private Aml() {}

  /** A byte string by concatenation. */
  static byte[] cat(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      out.writeBytes(part);
    }
    return out.toByteArray();
  }

  private static byte[] bytes(int... values) {
    byte[] out = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      out[i] = (byte) values[i];
    }
    return out;
  }

  private static byte[] little(long value, int length) {
    byte[] out = new byte[length];
    for (int i = 0; i < length; i++) {
      out[i] = (byte) (value >> 8 * i);
    }
    return out;
  }

  /** PkgLength, which counts itself, before {@code body}. Section 20.2.4. */
  private static byte[] pkg(byte[] body) {
    int one = body.length + 1;
    int two = body.length + 2;
    int three = body.length + 3;
    if (one < 1 << 6) {
      return cat(bytes(one), body);
    }
    if (two < 1 << 12) {
      return cat(bytes(0x40 | (two & 0xF), two >> 4), body);
    }
    return cat(bytes(0x80 | (three & 0xF), three >> 4, three >> 12), body);
  }

  /** A path as it is written in ASL; segments are already four characters long. */
  private static byte[] path(String name) {
    return name.getBytes(StandardCharsets.US_ASCII);
  }

  /** DefScope. */
  static byte[] scope(String path, byte[]... terms) {
    return cat(bytes(0x10), pkg(cat(path(path), cat(terms))));
  }

  /** DefDevice. */
  static byte[] device(String name, byte[]... terms) {
    return cat(bytes(0x5B, 0x82), pkg(cat(path(name), cat(terms))));
  }

  /** DefName. */
  static byte[] name(String name, byte[] value) {
    return cat(bytes(0x08), path(name), value);
  }

  /** DefPackage. */
  static byte[] pack(byte[]... elements) {
    return cat(bytes(0x12), pkg(cat(bytes(elements.length), cat(elements))));
  }

  /** An integer in its shortest form. */
  static byte[] integer(long value) {
    if (value == 0 || value == 1) {
      return bytes((int) value);
    }
    if (value >>> 8 == 0) {
      return bytes(0x0A, (int) value);
    }
    return value >>> 16 == 0
        ? cat(bytes(0x0B), little(value, 2))
        : cat(bytes(0x0C), little(value, 4));
  }

  /** A string. */
  static byte[] string(String ascii) {
    return cat(bytes(0x0D), path(ascii), bytes(0));
  }

  /**
   * EISAID("PNP0501"): three letters of five bits, four hex digits, big-endian. Section 19.6.37.
   */
  static byte[] eisaId(String id) {
    int letters = (id.charAt(0) - '@') << 10 | (id.charAt(1) - '@') << 5 | (id.charAt(2) - '@');
    int digits = Integer.parseInt(id.substring(3), 16);
    return bytes(0x0C, letters >> 8, letters, digits >> 8, digits);
  }

  /** ResourceTemplate: a buffer of descriptors and an end tag. */
  static byte[] resources(byte[]... descriptors) {
    byte[] all = cat(cat(descriptors), bytes(0x79, 0));
    return cat(bytes(0x11), pkg(cat(integer(all.length), all)));
  }

  /** IO(Decode16, base, base, 1, length). Section 6.4.2.5. */
  static byte[] io(int base, int length) {
    return cat(bytes(0x47, 1), little(base, 2), little(base, 2), bytes(1, length));
  }

  /** IRQNoFlags(): edge, active high. Section 6.4.2.1. */
  static byte[] irq(int line) {
    return cat(bytes(0x22), little(1L << line, 2));
  }

  /** Memory32Fixed(ReadWrite, base, length). Section 6.4.3.4. */
  static byte[] memory32(long base, long length) {
    return cat(bytes(0x86), little(9, 2), bytes(1), little(base, 4), little(length, 4));
  }

  /** WordBusNumber(ResourceProducer, fixed, first to last). Section 6.4.3.5.3. */
  static byte[] busNumbers(int first, int last) {
    return cat(
        bytes(0x88),
        little(13, 2),
        bytes(2, 0x0C, 0),
        words(2, 0, first, last, 0, last - first + 1));
  }

  /** WordIO(ResourceProducer, fixed, decoded, entire range). Section 6.4.3.5.3. */
  static byte[] ioWindow(int first, int last) {
    return cat(
        bytes(0x88),
        little(13, 2),
        bytes(1, 0x0C, 3),
        words(2, 0, first, last, 0, last - first + 1));
  }

  /**
   * DWordMemory(ResourceProducer, fixed, decoded, not cacheable, read-write). Section 6.4.3.5.2.
   */
  static byte[] memoryWindow(long first, long length) {
    return cat(
        bytes(0x87),
        little(23, 2),
        bytes(0, 0x0C, 1),
        words(4, 0, first, first + length - 1, 0, length));
  }

  private static byte[] words(int width, long... values) {
    byte[][] all = new byte[values.length][];
    for (int i = 0; i < values.length; i++) {
      all[i] = little(values[i], width);
    }
    return cat(all);
  }

  /** Interrupt(ResourceConsumer, Level, ActiveHigh, Exclusive). Section 6.4.3.6. */
  static byte[] levelInterrupt(int gsi) {
    return cat(bytes(0x89), little(6, 2), bytes(1, 1), little(gsi, 4));
  }
}
