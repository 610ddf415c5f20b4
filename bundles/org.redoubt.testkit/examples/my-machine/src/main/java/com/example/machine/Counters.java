package com.example.machine;

import java.util.concurrent.atomic.AtomicLong;

/** How often guests came by. */
public final class Counters {
  /** Times a vCPU was run. */
  public static final AtomicLong RUNS = new AtomicLong();

  /** TLB misses that were walked. */
  public static final AtomicLong WALKS = new AtomicLong();

  /** Pages that vCPUs asked the memory system for. */
  public static final AtomicLong PAGES = new AtomicLong();

  private Counters() {}
}
