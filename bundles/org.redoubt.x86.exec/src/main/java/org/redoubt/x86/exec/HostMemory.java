package org.redoubt.x86.exec;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * The one class that reads and writes host memory without bounds. Its callers pass addresses that
 * come from a TLB entry whose tag they have just compared, or from {@code Mmu.hostAddress()} right
 * after a fill; nothing else may call it.
 */
public final class HostMemory {
  private static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final VarHandle ATOMIC_INT =
      ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
  private static final VarHandle ATOMIC_LONG =
      ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

  private HostMemory() {}

  public static int get8(long address) {
    return ALL.get(ValueLayout.JAVA_BYTE, address) & 0xff;
  }

  public static int get16(long address) {
    return ALL.get(SHORT, address) & 0xffff;
  }

  public static int get32(long address) {
    return ALL.get(INT, address);
  }

  public static long get64(long address) {
    return ALL.get(LONG, address);
  }

  public static void put8(long address, int value) {
    ALL.set(ValueLayout.JAVA_BYTE, address, (byte) value);
  }

  public static void put16(long address, int value) {
    ALL.set(SHORT, address, (short) value);
  }

  public static void put32(long address, int value) {
    ALL.set(INT, address, value);
  }

  public static void put64(long address, long value) {
    ALL.set(LONG, address, value);
  }

  /** The value of 1, 2, 4 or 8 bytes, zero-extended. */
  public static long get(long address, int bytes) {
    return switch (bytes) {
      case 1 -> get8(address);
      case 2 -> get16(address);
      case 4 -> get32(address) & 0xffff_ffffL;
      default -> get64(address);
    };
  }

  /** Writes 1, 2, 4 or 8 bytes. */
  public static void put(long address, int bytes, long value) {
    switch (bytes) {
      case 1 -> put8(address, (int) value);
      case 2 -> put16(address, (int) value);
      case 4 -> put32(address, (int) value);
      default -> put64(address, value);
    }
  }

  /** Atomically replaces 4 aligned bytes. */
  static boolean compareAndSet32(long address, int expected, int value) {
    return ATOMIC_INT.compareAndSet(ALL, address, expected, value);
  }

  /** Atomically replaces 8 aligned bytes. */
  static boolean compareAndSet64(long address, long expected, long value) {
    return ATOMIC_LONG.compareAndSet(ALL, address, expected, value);
  }

  static long getVolatile64(long address) {
    return (long) ATOMIC_LONG.getVolatile(ALL, address);
  }

  /** Copies from guest memory to an array, as code for the decoder. */
  public static void copyOut(long address, byte[] target, int offset, int bytes) {
    MemorySegment.copy(ALL, ValueLayout.JAVA_BYTE, address, target, offset, bytes);
  }

  /** Copies from an array to guest memory. */
  static void copyIn(byte[] source, long address, int bytes) {
    MemorySegment.copy(source, 0, ALL, ValueLayout.JAVA_BYTE, address, bytes);
  }

  static void fill(long address, long bytes, int value) {
    ALL.asSlice(address, bytes).fill((byte) value);
  }
}
