package org.redoubt.api.memory;

import java.lang.foreign.MemorySegment;
import org.osgi.annotation.versioning.ProviderType;

/**
 * Bounded access to memory under one tag, for everybody but a vCPU's fast path: firmware, devices,
 * loaders, the shell, tests. Any thread may use it, several at once. It does not allocate.
 *
 * <p>Integers are little-endian and may be unaligned; atomic operations need natural alignment. A
 * single aligned access of up to 8 bytes is atomic; a longer {@link #read} or {@link #write} is
 * not, but each page of it is seen under one tag. All methods throw {@link
 * IndexOutOfBoundsException}, before anything changes, when the range is not within one DRAM range
 * (message: the addresses), {@link MemorySuspendedException} while the pages' guest is suspended,
 * and {@link IllegalStateException} when the tag's ASID has no key slot or the system is closed.
 */
@ProviderType
public interface MemoryView {
  /** The tag under which this view reads and writes. */
  int tag();

  /** Copies {@code target.byteSize()} bytes from memory. */
  void read(long spa, MemorySegment target);

  /** Copies {@code source.byteSize()} bytes to memory. */
  void write(long spa, MemorySegment source);

  /** Sets {@code bytes} bytes to one value. */
  void fill(long spa, long bytes, byte value);

  byte getByte(long spa);

  short getShort(long spa);

  int getInt(long spa);

  long getLong(long spa);

  void putByte(long spa, byte value);

  void putShort(long spa, short value);

  void putInt(long spa, int value);

  void putLong(long spa, long value);

  /**
   * Atomically replaces 4 aligned bytes if they hold {@code expected}, with the memory order of a
   * locked x86 instruction.
   *
   * @return what was there
   */
  int compareAndExchangeInt(long spa, int expected, int value);

  /**
   * Atomically replaces 8 aligned bytes if they hold {@code expected}, with the memory order of a
   * locked x86 instruction.
   *
   * @return what was there
   */
  long compareAndExchangeLong(long spa, long expected, long value);

  /**
   * Atomically adds to 8 aligned bytes.
   *
   * @return what was there before
   */
  long getAndAddLong(long spa, long delta);
}
