package org.redoubt.shell.internal.memory;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.PageInfo;
import org.redoubt.api.memory.PageTag;
import org.redoubt.api.vm.Vm;

/**
 * One look at all pages of a guest's RAM, without touching one: whose they are, where they are, and
 * how random their bytes in DRAM look.
 */
final class PageMap {
  private static final int PAGE = 4096;

  /** RAM that does not fit below the devices' hole begins here. */
  private static final long HIGH = 1L << 32;

  /** What a page is; in the order in which legends name them. */
  enum Kind {
    PRIVATE_CACHED('P', "private, in the SoC cache"),
    PRIVATE('p', "private, in DRAM only"),
    SHARED_CACHED('S', "shared, in the SoC cache"),
    SHARED('s', "shared, in DRAM only"),
    UNTOUCHED('.', "never touched");

    final char letter;
    final String words;

    Kind(char letter, String words) {
      this.letter = letter;
      this.words = words;
    }
  }

  /** Bits of entropy a byte, in steps of 1/32; what a page of 4,096 random bytes reaches is 254. */
  static final double STEPS = 32;

  private final long[] gpas;
  private final Kind[] kinds;
  private final byte[] entropies;

  private PageMap(int pages) {
    gpas = new long[pages];
    kinds = new Kind[pages];
    entropies = new byte[pages];
  }

  /** Looks at a VM's RAM. */
  static PageMap of(Vm vm) {
    MemorySystem memory = vm.memory();
    PageMap map = new PageMap(Math.toIntExact(vm.config().memoryBytes() / PAGE));
    byte[] bytes = new byte[PAGE];
    MemorySegment target = MemorySegment.ofArray(bytes);
    int[] counts = new int[256];
    long gpa = 0;
    for (int page = 0; page < map.gpas.length; page++) {
      Optional<Long> spa = vm.spa(gpa);
      if (spa.isEmpty() && gpa < HIGH) {
        gpa = HIGH;
        spa = vm.spa(gpa);
      }
      long at = spa.orElseThrow(() -> new IllegalStateException("bug: RAM ends early"));
      map.gpas[page] = gpa;
      map.kinds[page] = kind(memory.pageInfo(at));
      if (map.kinds[page] != Kind.UNTOUCHED) {
        memory.probe(at, target);
        map.entropies[page] = (byte) Math.min(255, Math.round(entropy(bytes, counts) * STEPS));
      }
      gpa += PAGE;
    }
    return map;
  }

  private static Kind kind(PageInfo info) {
    if (!info.touched() && !info.resident()) {
      return Kind.UNTOUCHED;
    }
    boolean isPrivate = info.tag() != PageTag.SHARED;
    if (info.resident()) {
      return isPrivate ? Kind.PRIVATE_CACHED : Kind.SHARED_CACHED;
    }
    return isPrivate ? Kind.PRIVATE : Kind.SHARED;
  }

  /** Shannon's entropy of the bytes' frequencies, in bits a byte. */
  static double entropy(byte[] bytes, int[] counts) {
    java.util.Arrays.fill(counts, 0);
    for (byte b : bytes) {
      counts[b & 0xff]++;
    }
    double sum = 0;
    for (int count : counts) {
      if (count != 0) {
        sum += count * Math.log(count);
      }
    }
    return (Math.log(bytes.length) - sum / bytes.length) / Math.log(2);
  }

  int pages() {
    return gpas.length;
  }

  /** Guest-physical address of a page. */
  long gpa(int page) {
    return gpas[page];
  }

  Kind kind(int page) {
    return kinds[page];
  }

  /** Entropy of a page's bytes in DRAM, in bits a byte; 0 if it was never touched. */
  double entropy(int page) {
    return (entropies[page] & 0xff) / STEPS;
  }

  int count(Kind kind) {
    int count = 0;
    for (Kind one : kinds) {
      count += one == kind ? 1 : 0;
    }
    return count;
  }

  /** Mean entropy of the pages of a kind, 0 if there are none. */
  double meanEntropy(Kind kind) {
    double sum = 0;
    int count = 0;
    for (int page = 0; page < kinds.length; page++) {
      if (kinds[page] == kind) {
        sum += entropy(page);
        count++;
      }
    }
    return count == 0 ? 0 : sum / count;
  }
}
