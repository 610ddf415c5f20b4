package org.redoubt.cpu.interpreter.internal;

import org.jspecify.annotations.Nullable;

/** A run of instructions within a page that is entered at the top only. */
final class Block {
  /** Never equal to a context: the block is to be looked up each time. */
  static final long NO_CONTEXT = -1;

  final CodePage page;
  final Node[] nodes;

  /** Instructions, those without a node included. */
  final int count;

  final long rip;

  /** Address after the last instruction. */
  final long end;

  /** The {@link org.redoubt.x86.exec.Cpu#context()} in which the block was found last. */
  long context = NO_CONTEXT;

  /** Bytes that lie in the next page, to be compared before each run; empty for most. */
  final byte[] crossing;

  // The two blocks that came next lately. Good if their context is the current one.
  @Nullable Block next;
  @Nullable Block other;

  Block(CodePage page, Node[] nodes, int count, long rip, long end, byte[] crossing) {
    this.page = page;
    this.nodes = nodes;
    this.count = count;
    this.rip = rip;
    this.end = end;
    this.crossing = crossing;
  }

  int firstOffset() {
    return page.offset(rip);
  }

  int lastOffset() {
    return Math.min(page.offset(rip) + (int) (end - rip), 4096) - 1;
  }

  /** The bytes have changed: whoever is inside stops before the next instruction. */
  void poison() {
    context = NO_CONTEXT;
    for (int i = 0; i < nodes.length; i++) {
      if (!(nodes[i] instanceof StaleNode)) {
        Node stale = new StaleNode(nodes[i].firstInsn());
        stale.before = nodes[i].firstBefore();
        nodes[i] = stale;
      }
    }
  }
}
