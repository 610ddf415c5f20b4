package org.redoubt.hypervisor.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.redoubt.api.cpu.NestedPaging;
import org.redoubt.api.memory.AddressMap;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemoryView;

final class GuestMemoryTest {
  private static final long TABLES = 0x1_0000;

  /** A second walk, by the figures of APM Vol. 2, 5.3. */
  private static long walk(MemoryView view, long root, long gpa) {
    long entry = view.getLong(root + (gpa >>> 39 & 511) * 8);
    for (int shift = 30; shift >= 12; shift -= 9) {
      if ((entry & 7) != 7) {
        return -1;
      }
      entry = view.getLong((entry & 0x000f_ffff_ffff_f000L) + (gpa >>> shift & 511) * 8);
      if (shift == 12 || (entry & 0x80) != 0) {
        long offset = (1L << shift) - 1;
        return (entry & 7) == 7 ? (entry & 0x000f_ffff_ffff_f000L & ~offset) + (gpa & offset) : -1;
      }
    }
    return -1;
  }

  @Test
  void shouldMapExactlyTheRam() {
    record Row(long spa, long bytes) {}
    Row[] rows = {
      new Row(0, 4096),
      new Row(0x20_0000, 2L << 20),
      new Row(0x20_1000, 5L << 20),
      new Row(0x4000_0000, (512L << 20) + 4096),
      new Row(0x4000_0000, 3L << 30),
      new Row(0x4000_0000, (3L << 30) + 4096),
      new Row(0x4000_0000, 9L << 30),
    };
    for (Row row : rows) {
      try (FlatMemory memory = new FlatMemory(MemoryConfig.of("test", 1 << 20), 1 << 20)) {
        MemoryView view = memory.view(0);
        GuestMemory guest = new GuestMemory(row.spa, row.bytes);
        NestedPaging nested = guest.writeNestedTables(view, TABLES);
        for (long at = TABLES + guest.nestedTableBytes(); at < 1 << 20; at += 4096) {
          assertEquals(0, view.getLong(at), "written past the end");
        }
        List<Long> probes = new ArrayList<>();
        for (GuestMemory.Range range : guest.ranges) {
          probes.add(range.gpa());
          probes.add(range.gpa() + range.bytes() - 1);
          probes.add(range.gpa() + range.bytes());
          new Random(1).longs(200, range.gpa(), range.gpa() + range.bytes()).forEach(probes::add);
        }
        for (long gpa : probes) {
          assertEquals(guest.spa(gpa, 1), walk(view, nested.nCr3(), gpa), () -> row + " " + gpa);
        }
      }
    }
  }

  @Test
  void shouldLeaveTheHoleBelow4GiBToDevices() {
    GuestMemory guest = new GuestMemory(0x1000, 4L << 30);
    assertEquals(0x1000 + 0xbfff_ffffL, guest.spa(0xbfff_ffffL, 1));
    assertEquals(-1, guest.spa(0xbfff_ffffL, 2));
    assertEquals(-1, guest.spa(0xfee0_0000L, 1));
    assertEquals(0x1000 + 0xc000_0000L, guest.spa(1L << 32, 1L << 30));
    assertEquals(-1, guest.spa(1L << 32, (1L << 30) + 1));
    assertEquals(-1, guest.spa(-1, 1));
    assertEquals(-1, guest.spa(0, Long.MAX_VALUE));
    assertTrue(guest.overlaps(0xbfff_f000L, 0x2000));
    assertTrue(!guest.overlaps(0xc000_0000L, 0x1000));
  }

  @Test
  void shouldGiveOutDisjointRunsAndTakeThemBack() {
    SpaAllocator allocator = new SpaAllocator(AddressMap.flat(64L << 20));
    Random random = new Random(7);
    List<SpaAllocator.Run> held = new ArrayList<>();
    for (int i = 0; i < 5000; i++) {
      if (random.nextInt(3) != 0) {
        long align = 4096L << random.nextInt(10);
        long bytes = 4096L * (1 + random.nextInt(900));
        allocator
            .take(bytes, align)
            .ifPresent(run -> {
              assertEquals(0, run.spa() & (align - 1));
              assertEquals(bytes, run.bytes());
              assertTrue(run.spa() + run.bytes() <= 64L << 20);
              for (SpaAllocator.Run other : held) {
                assertTrue(
                    run.spa() >= other.spa() + other.bytes()
                        || other.spa() >= run.spa() + run.bytes());
              }
              held.add(run);
            });
      } else if (!held.isEmpty()) {
        allocator.give(held.remove(random.nextInt(held.size())));
      }
    }
    held.forEach(allocator::give);
    assertEquals(0, allocator.take(64L << 20, 4096).orElseThrow().spa());
    assertTrue(allocator.take(4096, 4096).isEmpty());
  }
}
