package org.redoubt.shell.internal.memory;

import java.lang.foreign.MemorySegment;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemoryView;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Which bytes, and as who: the options that reading and writing share. */
final class Access {
  /** Who looks. */
  enum Viewer {
    /** With the C-bit, under the ASID's key. */
    guest,
    /** Without: what DRAM holds. */
    host
  }

  private static final long LIMIT = 64 << 20;

  @Mixin MemoryOption memory = new MemoryOption();

  @Option(
      names = "--view",
      paramLabel = "guest|host",
      description = "As the guest with its key, or as the host without. Default: guest.")
  Viewer viewer = Viewer.guest;

  @Option(names = "--asid", paramLabel = "N", description = "The guest's ASID. Default: 1.")
  int asid = 1;

  MemoryView view(Memories memories) throws HypervisorException {
    MemorySystem system = memories.find(memory.name);
    return memories.view(system, viewer == Viewer.guest, asid);
  }

  byte[] read(Memories memories, long spa, long length) throws HypervisorException {
    if (length < 1 || length > LIMIT) {
      throw new HypervisorException(
          "Length %d: it takes 1 to %d (%s)".formatted(length, LIMIT, Numbers.size(LIMIT)));
    }
    byte[] bytes = new byte[(int) length];
    MemoryView view = view(memories);
    try {
      view.read(spa, MemorySegment.ofArray(bytes));
    } catch (IndexOutOfBoundsException e) {
      throw outside(memories, spa, length);
    }
    return bytes;
  }

  void write(Memories memories, long spa, byte[] bytes) throws HypervisorException {
    MemoryView view = view(memories);
    try {
      view.write(spa, MemorySegment.ofArray(bytes));
    } catch (IndexOutOfBoundsException e) {
      throw outside(memories, spa, bytes.length);
    }
  }

  private HypervisorException outside(Memories memories, long spa, long length)
      throws HypervisorException {
    StringBuilder ranges = new StringBuilder();
    memories
        .find(memory.name)
        .config()
        .addressMap()
        .dram()
        .forEach(range ->
            ranges
                .append(ranges.isEmpty() ? "" : ", ")
                .append("0x%x to 0x%x".formatted(range.spa(), range.end() - 1)));
    return new HypervisorException(
        "Address 0x%x with %d bytes is not DRAM; DRAM is %s".formatted(spa, length, ranges));
  }
}
