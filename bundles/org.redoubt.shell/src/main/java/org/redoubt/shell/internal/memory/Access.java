package org.redoubt.shell.internal.memory;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemoryView;
import org.redoubt.shell.internal.Sizes;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Which bytes, and as who: the options that reading and writing share. */
final class Access {
  /** Who looks. */
  enum Viewer {
    /** With the C-bit, under the ASID's key. */
    guest,
    /** Without: what DRAM holds. */
    host,
    /** One beside the other; {@code mem:dump} only. */
    both
  }

  private static final long LIMIT = 64 << 20;

  @Mixin MemoryOption memory = new MemoryOption();

  @Option(
      names = "--view",
      paramLabel = "guest|host|both",
      description =
          "As the guest with its key, or as the host without. Default: guest; of a VM: both, which"
              + " only mem:dump has.")
  @Nullable Viewer view;

  @Option(names = "--asid", paramLabel = "N", description = "The guest's ASID. Default: 1.")
  int asid = 1;

  /** Who looks, for commands that show one view. */
  Viewer viewer() throws HypervisorException {
    if (view == Viewer.both) {
      throw new HypervisorException("--view both: only mem:dump shows both");
    }
    return view == null ? Viewer.guest : view;
  }

  private MemoryView open(Memories memories, Viewer viewer) throws HypervisorException {
    MemorySystem system = memories.find(memory.name);
    return memories.view(system, viewer == Viewer.guest, asid);
  }

  static void checkLength(long length) throws HypervisorException {
    if (length < 1 || length > LIMIT) {
      throw new HypervisorException(
          "Length %d: it takes 1 to %d (%s)".formatted(length, LIMIT, Sizes.text(LIMIT)));
    }
  }

  byte[] read(Memories memories, long spa, long length) throws HypervisorException {
    return readAs(memories, viewer(), spa, length);
  }

  byte[] readAs(Memories memories, Viewer viewer, long spa, long length)
      throws HypervisorException {
    checkLength(length);
    byte[] bytes = new byte[(int) length];
    MemoryView from = open(memories, viewer);
    try {
      from.read(spa, MemorySegment.ofArray(bytes));
    } catch (IndexOutOfBoundsException e) {
      throw outside(memories, spa, length);
    }
    return bytes;
  }

  void write(Memories memories, long spa, byte[] bytes) throws HypervisorException {
    MemoryView to = open(memories, viewer());
    try {
      to.write(spa, MemorySegment.ofArray(bytes));
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
