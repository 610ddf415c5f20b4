package org.redoubt.memory.internal;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.memory.MemorySuspendedException;
import org.redoubt.api.memory.MemoryView;

/** A view: pins the frame for the time of an access, so that it needs no lock. */
final class View implements MemoryView {
  private static final int MASK = Dram.PAGE_BYTES - 1;
  private static final ValueLayout.OfShort SHORT_LE =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT_LE =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG_LE =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle INT = JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
  private static final VarHandle LONG = JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

  private final SocCache cache;
  private final Dram dram;
  private final Book book;
  private final Frames frames;
  private final MemorySegment bytes;
  private final TagState tag;

  View(SocCache cache, TagState tag) {
    this.cache = cache;
    this.tag = tag;
    dram = cache.dram();
    book = cache.book();
    frames = cache.frames();
    bytes = frames.bytes();
  }

  @Override
  public int tag() {
    return tag.tag();
  }

  // Pinning

  private int pin(long page, boolean write) {
    int frame = cache.pin(page, tag, write);
    return frame > 0 ? frame : slowPin(page, write, null, 0);
  }

  /** Pins a page that is going to be overwritten whole, so that it need not be deciphered. */
  private int pinToOverwrite(long page, MemorySegment contents, long at) {
    int frame = cache.pin(page, tag, true);
    return frame > 0 ? frame : slowPin(page, true, contents, at);
  }

  private int slowPin(long page, boolean write, @Nullable MemorySegment contents, long at) {
    Port own = cache.handshake().runningHere();
    if (own != null) {
      own.park();
    }
    int frame;
    try {
      frame = cache.acquire(page, tag, write, contents, at);
    } finally {
      if (own != null) {
        own.resume();
      }
    }
    if (frame < 0) {
      throw unreachable(frame, page);
    }
    return frame;
  }

  private RuntimeException unreachable(int status, long page) {
    return switch (status) {
      case TagState.SUSPENDED -> new MemorySuspendedException(cache.suspension(tag, page));
      case TagState.NO_KEY ->
          new IllegalStateException("ASID %d has no key slot".formatted(tag.tag()));
      default -> new IllegalStateException("The memory system is closed");
    };
  }

  /** After a write, with nothing pinned. */
  private void wrote(long page, long spa, long length) {
    if (book.watched(page)) {
      tellWatchers(spa, length);
    }
  }

  private void tellWatchers(long spa, long length) {
    Port own = cache.handshake().runningHere();
    if (own != null) {
      own.park();
    }
    try {
      cache.handshake().changed(spa, length);
    } finally {
      if (own != null) {
        own.resume();
      }
    }
  }

  private static long offset(int frame, long spa) {
    return ((long) frame << Dram.PAGE_SHIFT) + (spa & MASK);
  }

  // Runs of bytes

  @Override
  public void read(long spa, MemorySegment target) {
    long length = target.byteSize();
    if (length == 0) {
      return;
    }
    long page = dram.page(spa, length);
    for (long done = 0; done < length; page++) {
      long at = spa + done;
      long part = Math.min(length - done, Dram.PAGE_BYTES - (at & MASK));
      int frame = pin(page, false);
      try {
        MemorySegment.copy(bytes, offset(frame, at), target, done, part);
      } finally {
        frames.unpin(frame);
      }
      done += part;
    }
  }

  @Override
  public void write(long spa, MemorySegment source) {
    long length = source.byteSize();
    if (length == 0) {
      return;
    }
    long page = dram.page(spa, length);
    for (long done = 0; done < length; page++) {
      long at = spa + done;
      long part = Math.min(length - done, Dram.PAGE_BYTES - (at & MASK));
      int frame = part == Dram.PAGE_BYTES ? pinToOverwrite(page, source, done) : pin(page, true);
      try {
        MemorySegment.copy(source, done, bytes, offset(frame, at), part);
      } finally {
        frames.unpin(frame);
      }
      wrote(page, at, part);
      done += part;
    }
  }

  @Override
  public void fill(long spa, long length, byte value) {
    if (length == 0) {
      return;
    }
    long page = dram.page(spa, checkedLength(length));
    for (long done = 0; done < length; page++) {
      long at = spa + done;
      long part = Math.min(length - done, Dram.PAGE_BYTES - (at & MASK));
      int frame = pin(page, true);
      try {
        bytes.asSlice(offset(frame, at), part).fill(value);
      } finally {
        frames.unpin(frame);
      }
      wrote(page, at, part);
      done += part;
    }
  }

  private static long checkedLength(long length) {
    if (length < 0) {
      throw new IndexOutOfBoundsException("A length of %d bytes is negative".formatted(length));
    }
    return length;
  }

  // Integers

  @Override
  public byte getByte(long spa) {
    int frame = pin(dram.page(spa, 1), false);
    byte value = bytes.get(JAVA_BYTE, offset(frame, spa));
    frames.unpin(frame);
    return value;
  }

  @Override
  public short getShort(long spa) {
    if ((spa & MASK) > Dram.PAGE_BYTES - 2) {
      return (short) gather(spa, 2);
    }
    int frame = pin(dram.page(spa, 2), false);
    short value = bytes.get(SHORT_LE, offset(frame, spa));
    frames.unpin(frame);
    return value;
  }

  @Override
  public int getInt(long spa) {
    if ((spa & MASK) > Dram.PAGE_BYTES - 4) {
      return (int) gather(spa, 4);
    }
    int frame = pin(dram.page(spa, 4), false);
    int value = bytes.get(INT_LE, offset(frame, spa));
    frames.unpin(frame);
    return value;
  }

  @Override
  public long getLong(long spa) {
    if ((spa & MASK) > Dram.PAGE_BYTES - 8) {
      return gather(spa, 8);
    }
    int frame = pin(dram.page(spa, 8), false);
    long value = bytes.get(LONG_LE, offset(frame, spa));
    frames.unpin(frame);
    return value;
  }

  @Override
  public void putByte(long spa, byte value) {
    long page = dram.page(spa, 1);
    int frame = pin(page, true);
    bytes.set(JAVA_BYTE, offset(frame, spa), value);
    frames.unpin(frame);
    wrote(page, spa, 1);
  }

  @Override
  public void putShort(long spa, short value) {
    if ((spa & MASK) > Dram.PAGE_BYTES - 2) {
      scatter(spa, value, 2);
      return;
    }
    long page = dram.page(spa, 2);
    int frame = pin(page, true);
    bytes.set(SHORT_LE, offset(frame, spa), value);
    frames.unpin(frame);
    wrote(page, spa, 2);
  }

  @Override
  public void putInt(long spa, int value) {
    if ((spa & MASK) > Dram.PAGE_BYTES - 4) {
      scatter(spa, value, 4);
      return;
    }
    long page = dram.page(spa, 4);
    int frame = pin(page, true);
    bytes.set(INT_LE, offset(frame, spa), value);
    frames.unpin(frame);
    wrote(page, spa, 4);
  }

  @Override
  public void putLong(long spa, long value) {
    if ((spa & MASK) > Dram.PAGE_BYTES - 8) {
      scatter(spa, value, 8);
      return;
    }
    long page = dram.page(spa, 8);
    int frame = pin(page, true);
    bytes.set(LONG_LE, offset(frame, spa), value);
    frames.unpin(frame);
    wrote(page, spa, 8);
  }

  /** An integer that lies across two pages. */
  private long gather(long spa, int length) {
    dram.page(spa, length);
    long value = 0;
    for (int i = length - 1; i >= 0; i--) {
      value = value << 8 | (getByte(spa + i) & 0xFF);
    }
    return value;
  }

  private void scatter(long spa, long value, int length) {
    dram.page(spa, length);
    for (int i = 0; i < length; i++) {
      putByte(spa + i, (byte) (value >>> (8 * i)));
    }
  }

  // Atomic operations

  @Override
  public int compareAndExchangeInt(long spa, int expected, int value) {
    requireAligned(spa, 4);
    long page = dram.page(spa, 4);
    int frame = pin(page, true);
    int was = (int) INT.compareAndExchange(bytes, offset(frame, spa), expected, value);
    frames.unpin(frame);
    if (was == expected) {
      wrote(page, spa, 4);
    }
    return was;
  }

  @Override
  public long compareAndExchangeLong(long spa, long expected, long value) {
    requireAligned(spa, 8);
    long page = dram.page(spa, 8);
    int frame = pin(page, true);
    long was = (long) LONG.compareAndExchange(bytes, offset(frame, spa), expected, value);
    frames.unpin(frame);
    if (was == expected) {
      wrote(page, spa, 8);
    }
    return was;
  }

  @Override
  public long getAndAddLong(long spa, long delta) {
    requireAligned(spa, 8);
    long page = dram.page(spa, 8);
    int frame = pin(page, true);
    long was = (long) LONG.getAndAdd(bytes, offset(frame, spa), delta);
    frames.unpin(frame);
    wrote(page, spa, 8);
    return was;
  }

  private static void requireAligned(long spa, int length) {
    if ((spa & (length - 1)) != 0) {
      throw new IllegalArgumentException(
          "%xh is not a multiple of %d, as an atomic operation needs".formatted(spa, length));
    }
  }

  @Override
  public String toString() {
    return "view of tag " + tag.tag();
  }
}
