package org.redoubt.memory.internal;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.redoubt.api.HypervisorException;

/**
 * The frames of the SoC cache: plaintext pages, one state word each, and which ports hold their
 * host addresses. Frame 0 is never used, so that 0 can mean none.
 *
 * <pre>
 *   31:0   page     number of the page of DRAM
 *   47:32  tag      PageTag
 *   48     VALID    the frame holds that page
 *   49     LOCKED   one thread has it to itself: eviction, flush, watch
 *   50     DIRTY    newer than DRAM
 *   51     REF      used since the clock's hand came by
 *   52     MOVING   a change of engine works on the page's bytes in DRAM; the frame may be used
 *   63:53  pins     accesses under way
 * </pre>
 *
 * LOCKED is taken only while there are no pins and MOVING is clear; pins are taken only while
 * LOCKED is clear. All of it by compare-and-set of the whole word, so a pin proves page and tag.
 */
final class Frames {
  static final long VALID = 1L << 48;
  static final long LOCKED = 1L << 49;
  static final long DIRTY = 1L << 50;
  static final long REF = 1L << 51;
  static final long MOVING = 1L << 52;
  static final long PIN = 1L << 53;
  static final int PIN_SHIFT = 53;
  static final long MAX_PINS = 2047;

  /** What an access compares: page, tag, VALID and no LOCKED. */
  static final long IDENTITY = (1L << 50) - 1;

  private static final long PAGE_MASK = 0xFFFF_FFFFL;

  private final MemorySegment bytes;
  private final LongTable states;
  private final LongTable ports;
  private final long hostAddress;

  /**
   * @param count frames there can ever be; address space only
   */
  Frames(long count, Arena arena) throws HypervisorException {
    bytes = HostMemory.map((count + 1) << Dram.PAGE_SHIFT, arena, "the SoC cache");
    HostMemory.adviseHuge(bytes);
    states = new LongTable(count + 1, arena, "the SoC cache");
    ports = new LongTable(count + 1, arena, "the SoC cache");
    hostAddress = bytes.address();
  }

  /** The plaintext; frame <i>f</i> begins at {@code f << 12}. */
  MemorySegment bytes() {
    return bytes;
  }

  /** One frame's plaintext. */
  MemorySegment bytes(int frame) {
    return bytes.asSlice((long) frame << Dram.PAGE_SHIFT, Dram.PAGE_BYTES);
  }

  /** Host address of a frame's first byte. */
  long hostAddress(int frame) {
    return hostAddress + ((long) frame << Dram.PAGE_SHIFT);
  }

  /** The word of a frame that can be used for a page under a tag, but for its lower flags. */
  static long identity(long page, int tag) {
    return page | (long) tag << 32 | VALID;
  }

  static long page(long state) {
    return state & PAGE_MASK;
  }

  static int tag(long state) {
    return (int) (state >>> 32) & 0xFFFF;
  }

  static long pins(long state) {
    return state >>> PIN_SHIFT;
  }

  long state(int frame) {
    return states.get(frame);
  }

  void setState(int frame, long state) {
    states.setRelease(frame, state);
  }

  boolean change(int frame, long from, long to) {
    return states.compareAndSet(frame, from, to);
  }

  void unpin(int frame) {
    states.getAndAdd(frame, -PIN);
  }

  /** Takes a frame for one thread alone if nobody uses it. */
  boolean lock(int frame, long state) {
    return (state & (VALID | LOCKED | MOVING)) == VALID
        && pins(state) == 0
        && states.compareAndSet(frame, state, state | LOCKED);
  }

  /** Ends {@link #lock}, clearing more flags. */
  void unlock(int frame, long alsoClear) {
    states.setRelease(frame, states.get(frame) & ~(LOCKED | alsoClear));
  }

  /** Marks a frame's page as being moved between engines; accesses go on. */
  boolean beginMove(int frame, long state) {
    return (state & (VALID | LOCKED | MOVING)) == VALID
        && states.compareAndSet(frame, state, state | MOVING);
  }

  void endMove(int frame) {
    long state;
    do {
      state = states.get(frame);
    } while (!states.compareAndSet(frame, state, state & ~MOVING));
  }

  /** The ports that may hold the frame's host address, a bit each. */
  long ports(int frame) {
    return ports.get(frame);
  }

  void addPort(int frame, long bit) {
    if ((ports.get(frame) & bit) == 0) {
      ports.getAndOr(frame, bit);
    }
  }

  void clearPorts(int frame) {
    ports.setRelease(frame, 0);
  }
}
