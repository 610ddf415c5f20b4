package org.redoubt.cpu.interpreter.internal;

import java.io.ByteArrayOutputStream;
import java.util.Random;

/** Makes straight-line 64-bit programs with short forward branches, ended by HLT. */
final class RandomCode {
  private final Random random;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  private RandomCode(Random random) {
    this.random = random;
  }

  /** Arithmetic on all registers but RSP and RBP, and on memory at [RBP]. */
  static byte[] arithmetic(Random random, int length) {
    RandomCode code = new RandomCode(random);
    for (int i = 0; i < length; i++) {
      code.one();
    }
    for (int i = 0; i < 16; i++) {
      code.out.write(0xf4);
    }
    return code.out.toByteArray();
  }

  private int register() {
    int r;
    do {
      r = random.nextInt(16);
    } while (r == 4 || r == 5);
    return r;
  }

  private void bytes(int... values) {
    for (int v : values) {
      out.write(v);
    }
  }

  /** Prefixes, opcode, ModRM with a register or [RBP + disp8] in rm. */
  private void modRm(int reg, boolean memory, int... opcode) {
    int rm = register();
    if (random.nextInt(4) == 0) {
      bytes(0x66);
    }
    bytes(0x40 | (random.nextBoolean() ? 8 : 0) | (reg & 8) >> 1 | (memory ? 0 : rm >> 3));
    bytes(opcode);
    if (memory) {
      bytes(0x45 | (reg & 7) << 3, random.nextInt(100));
    } else {
      bytes(0xc0 | (reg & 7) << 3 | rm & 7);
    }
  }

  private void one() {
    boolean memory = random.nextInt(3) == 0;
    int op = random.nextInt(8);
    switch (random.nextInt(13)) {
      case 0, 1 -> modRm(register(), memory, op * 8 + random.nextInt(4));
      case 2 -> {
        modRm(op, memory, 0x83);
        bytes(random.nextInt());
      }
      case 3 -> modRm(register(), memory, 0x84 + random.nextInt(2));
      case 4 -> {
        int[] kinds = {0, 1, 4, 5, 7};
        modRm(kinds[random.nextInt(5)], memory, 0xc0 + random.nextInt(2));
        bytes(random.nextInt());
      }
      case 5 -> modRm(random.nextInt(2), memory, 0xff);
      case 6 -> modRm(2 + random.nextInt(4), memory, 0xf7);
      case 7 -> modRm(register(), memory, 0x0f, 0xaf);
      case 8 -> modRm(register(), memory, 0x0f, 0x40 + random.nextInt(16));
      case 9 -> modRm(register(), memory, 0x0f, 0x90 + random.nextInt(16));
      case 10 -> modRm(register(), memory, 0x0f, new int[] {0xb6, 0xb7, 0xbe, 0xbf}[op & 3]);
      case 11 -> modRm(register(), memory, 0x88 + random.nextInt(4));
      default -> {
        // CMP or TEST, then a branch over one short instruction.
        modRm(register(), false, random.nextBoolean() ? 0x39 : 0x85);
        bytes(0x70 + random.nextInt(16), 3, 0x48, 0xff, 0xc0 | random.nextInt(4));
      }
    }
  }
}
