package org.redoubt.hypervisor.internal;

import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import org.redoubt.api.device.Dma;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemoryView;
import org.redoubt.api.memory.PageTag;

/** The IOMMU: devices reach a guest's RAM, all of it shared, and what is private as ciphertext. */
final class DmaGate {
  private final GuestMemory guest;
  private final MemorySystem memory;
  private final MemoryView shared;
  private final Map<String, LongAdder> privateTransfers = new ConcurrentHashMap<>();
  private final Map<String, LongAdder> givenBack = new ConcurrentHashMap<>();

  DmaGate(GuestMemory guest, MemorySystem memory) {
    this.guest = guest;
    this.memory = memory;
    this.shared = memory.view(PageTag.SHARED);
  }

  /** Transfers that met a private page, by device. */
  Map<String, Long> privateTransfers() {
    return sums(privateTransfers);
  }

  /** Bytes whose memory the host has back, by device. */
  Map<String, Long> givenBack() {
    return sums(givenBack);
  }

  private static Map<String, Long> sums(Map<String, LongAdder> counters) {
    Map<String, Long> sums = new TreeMap<>();
    counters.forEach((device, count) -> sums.put(device, count.sum()));
    return sums;
  }

  Dma forDevice(String device) {
    return new Dma() {
      @Override
      public boolean read(long gpa, MemorySegment target) {
        long spa = check(device, gpa, target.byteSize());
        if (spa < 0) {
          return false;
        }
        shared.read(spa, target);
        return true;
      }

      @Override
      public boolean write(long gpa, MemorySegment source) {
        long spa = check(device, gpa, source.byteSize());
        if (spa < 0) {
          return false;
        }
        shared.write(spa, source);
        return true;
      }

      @Override
      public void discard(long gpa, long bytes) {
        long spa = guest.spa(gpa, bytes);
        long first = spa + 4095 & -4096L;
        long end = spa + bytes & -4096L;
        if (spa >= 0 && first < end) {
          givenBack
              .computeIfAbsent(device, name -> new LongAdder())
              .add(memory.discard(first, end - first));
        }
      }
    };
  }

  private long check(String device, long gpa, long bytes) {
    long spa = guest.spa(gpa, bytes);
    if (spa >= 0) {
      for (long page = spa & -4096L; page < spa + bytes; page += 4096) {
        if (memory.pageInfo(page).tag() != PageTag.SHARED) {
          privateTransfers.computeIfAbsent(device, name -> new LongAdder()).increment();
          break;
        }
      }
    }
    return spa;
  }
}
