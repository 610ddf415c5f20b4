package org.redoubt.hypervisor.internal;

import java.util.ArrayList;
import java.util.List;

/**
 * The last things that a vCPU did with the world outside: a ring of plain longs, written by its own
 * thread without allocation, read by anybody, who may see one entry half-written.
 */
final class AccessLog {
  static final int IN = 0;
  static final int OUT = 1;
  static final int MMIO_READ = 2;
  static final int MMIO_WRITE = 3;
  static final int RDMSR = 4;
  static final int WRMSR = 5;
  static final int HYPERCALL = 6;
  static final int EXIT = 7;

  /** String I/O that cannot be carried out: #UD for the guest. */
  static final int STRING_IO = 8;

  private static final String[] NAMES = {
    "IN",
    "OUT",
    "MMIO read",
    "MMIO write",
    "RDMSR",
    "WRMSR",
    "hypercall",
    "exit",
    "refused string I/O"
  };
  private static final int ENTRIES = 256;

  private final int[] kinds = new int[ENTRIES];
  private final int[] widths = new int[ENTRIES];
  private final long[] addresses = new long[ENTRIES];
  private final long[] values = new long[ENTRIES];
  private final long[] times = new long[ENTRIES];
  private final String[] exits;
  private volatile int count;

  /**
   * @param exits names of {@link org.redoubt.api.cpu.Exit.Kind} by ordinal
   */
  AccessLog(String[] exits) {
    this.exits = exits;
  }

  void add(long timeNs, int kind, int width, long address, long value) {
    int next = count + 1;
    int at = (next - 1) & (ENTRIES - 1);
    kinds[at] = kind;
    widths[at] = width;
    addresses[at] = address;
    values[at] = value;
    times[at] = timeNs;
    count = next;
  }

  /** The last {@code most} entries, oldest first. */
  List<String> lines(int most) {
    int end = count;
    int number = Math.min(Math.min(end, ENTRIES), most);
    List<String> lines = new ArrayList<>();
    for (int i = end - number; i < end; i++) {
      int at = i & (ENTRIES - 1);
      String what =
          kinds[at] == EXIT
              ? "exit %s info1 %x info2 %x".formatted(exits[widths[at]], addresses[at], values[at])
              : "%s.%d %x = %x".formatted(NAMES[kinds[at]], widths[at], addresses[at], values[at]);
      lines.add("%12.6f s  %s".formatted(times[at] / 1e9, what));
    }
    return lines;
  }
}
