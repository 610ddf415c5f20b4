package org.redoubt.cpu.interpreter.internal;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.redoubt.x86.decode.CodeSize;

/** The blocks decoded from one page of memory, as seen at one linear address in one code size. */
final class CodePage {
  /** What a page is known by. */
  record Key(long spaPage, int tag, long gvaPage, long codeBase, CodeSize size) {}

  final Key key;
  private final @Nullable Row[] rows = new Row[64];
  private final List<Block> all = new ArrayList<>();

  /** No longer in the cache. */
  private boolean dropped;

  /** The blocks that start in 64 bytes. */
  private static final class Row {
    final @Nullable Block[] blocks = new Block[64];
  }

  CodePage(Key key) {
    this.key = key;
  }

  /** Offset in the page of an address in CS. */
  int offset(long rip) {
    return (int) (rip + key.codeBase) & 0xfff;
  }

  @Nullable Block find(int offset) {
    Row row = rows[offset >> 6];
    return row == null ? null : row.blocks[offset & 63];
  }

  void add(Block block) {
    int offset = block.firstOffset();
    Row row = rows[offset >> 6];
    if (row == null) {
      row = new Row();
      rows[offset >> 6] = row;
    }
    row.blocks[offset & 63] = block;
    all.add(block);
  }

  void remove(Block block) {
    Row row = rows[block.firstOffset() >> 6];
    if (row != null && row.blocks[block.firstOffset() & 63] == block) {
      row.blocks[block.firstOffset() & 63] = null;
    }
    all.remove(block);
    block.poison();
  }

  /** Drops the blocks that use any of these bytes. */
  void changed(int first, int last) {
    for (int i = all.size() - 1; i >= 0; i--) {
      Block b = all.get(i);
      if (b.firstOffset() <= last && b.lastOffset() >= first) {
        remove(b);
      }
    }
  }

  boolean isEmpty() {
    return all.isEmpty();
  }

  /** Leaves the cache. */
  void drop() {
    changed(0, 4095);
    dropped = true;
  }

  boolean isDropped() {
    return dropped;
  }
}
