package org.redoubt.testkit.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.redoubt.api.memory.MemoryPort;

/** Plain bytes as a memory port, with a record of what was asked. One thread. */
final class RecordingPort implements MemoryPort {
  record Access(String what, long spa, int tag) {}

  final MemorySegment ram;
  final List<Access> accesses = new ArrayList<>();
  final Set<Long> watched = new HashSet<>();

  /** Runs before each compare-and-exchange: another processor. */
  Runnable meanwhile = () -> {};

  boolean suspended;
  private long status;

  RecordingPort(Arena arena, long bytes) {
    ram = arena.allocate(bytes, 4096);
  }

  long get(long spa) {
    return ram.get(ValueLayout.JAVA_LONG, spa);
  }

  void set(long spa, long value) {
    ram.set(ValueLayout.JAVA_LONG, spa, value);
  }

  private boolean has(long spa) {
    status = suspended ? SUSPENDED : spa >= 0 && spa < ram.byteSize() ? 0 : NOT_DRAM;
    return status == 0;
  }

  @Override
  public long page(long spa, int tag, boolean write) {
    accesses.add(new Access(write ? "page for writing" : "page", spa, tag));
    if (!has(spa)) {
      return status;
    }
    return ram.address() + (spa & -4096L) + (watched.contains(spa >>> 12) ? WATCHED : 0);
  }

  @Override
  public long readLong(long spa, int tag) {
    accesses.add(new Access("read", spa, tag));
    return has(spa) ? get(spa) : 0xdead;
  }

  @Override
  public long compareAndExchangeLong(long spa, int tag, long expected, long value) {
    accesses.add(new Access("exchange", spa, tag));
    meanwhile.run();
    if (!has(spa)) {
      return 0xdead;
    }
    long seen = get(spa);
    if (seen == expected) {
      set(spa, value);
    }
    return seen;
  }

  @Override
  public long lastStatus() {
    return status;
  }

  @Override
  public void enter() {}

  @Override
  public void leave() {}

  @Override
  public void safepoint() {}

  @Override
  public void watch(long spa) {
    watched.add(spa >>> 12);
  }

  @Override
  public void unwatch(long spa) {
    watched.remove(spa >>> 12);
  }

  @Override
  public void written(long spa, long bytes) {
    accesses.add(new Access("written", spa, 0));
  }

  @Override
  public void close() {}
}
