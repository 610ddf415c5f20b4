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

  DmaGate(GuestMemory guest, MemorySystem memory) {
    this.guest = guest;
    this.memory = memory;
    this.shared = memory.view(PageTag.SHARED);
  }

  /** Transfers that met a private page, by device. */
  Map<String, Long> privateTransfers() {
    Map<String, Long> counts = new TreeMap<>();
    privateTransfers.forEach((device, count) -> counts.put(device, count.sum()));
    return counts;
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
