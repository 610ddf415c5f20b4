package org.redoubt.x86.exec;

import org.redoubt.spec.x86.Seg;

/** A segment register with its cached descriptor. APM Vol. 2, 4.5. */
public final class SegmentCache {
  public int selector;
  public long base;

  /** In bytes, granularity applied; unsigned 32 bits. */
  public long limit;

  /** As {@link Seg#ATTR_TYPE} and so on. */
  public int attributes;

  public boolean is(int bits) {
    return (attributes & bits) == bits;
  }

  public int dpl() {
    return attributes >> Seg.ATTR_DPL_SHIFT & 3;
  }

  void set(int newSelector, long newBase, long newLimit, int newAttributes) {
    selector = newSelector;
    base = newBase;
    limit = newLimit;
    attributes = newAttributes;
  }
}
