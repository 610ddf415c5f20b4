package org.redoubt.x86.decode;

/**
 * The default operand and address size of the code segment: which of the three dialects is read.
 */
public enum CodeSize {
  BITS16(16),
  BITS32(32),
  BITS64(64);

  private final int bits;

  CodeSize(int bits) {
    this.bits = bits;
  }

  public int bits() {
    return bits;
  }
}
