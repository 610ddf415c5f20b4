package org.redoubt.crypto.memory;

import java.io.ByteArrayOutputStream;

/**
 * Emits the host code of {@link VaesKernel}: x86-64 with AVX2 and VAES, System V calling
 * convention. Intel SDM Vol. 2; APM Vol. 4.
 *
 * <p>No instruction touches memory outside the operands that the routines' Javadoc names, and there
 * is no branch but the loop's own.
 */
final class VaesCode {
  // General registers, by number.
  private static final int RAX = 0;
  private static final int RCX = 1;
  private static final int RDX = 2;
  private static final int RSP = 4;
  private static final int RSI = 6;
  private static final int RDI = 7;
  private static final int R8 = 8;
  private static final int R9 = 9;
  private static final int NO_INDEX = 4;

  // VEX fields: opcode map, implied prefix, vector length.
  private static final int MAP_0F = 1;
  private static final int MAP_0F38 = 2;
  private static final int MAP_0F3A = 3;
  private static final int P66 = 1;
  private static final int PF3 = 2;
  private static final int L128 = 0;
  private static final int L256 = 1;

  private static final int ROUNDS = 10;
  private static final int LANES = 8;

  /** Bytes that one turn of the loop takes: eight registers of 32. */
  static final int STEP_BYTES = 32 * LANES;

  private final ByteArrayOutputStream code = new ByteArrayOutputStream();

  private VaesCode() {}

  /**
   * {@code void expand(key, encrypt, decrypt)}: AES-128's key expansion.
   *
   * <p>Reads 16 bytes of key; writes 11 round keys each for encryption and, in the order of use and
   * through InvMixColumns, for decryption. FIPS 197 §5.2, §5.3.5.
   */
  static byte[] expand() {
    VaesCode c = new VaesCode();
    c.vmovdquLoad(L128, 0, RDI, 0);
    c.vmovdquStore(L128, 0, RSI, NO_INDEX, 0);
    c.vmovdquStore(L128, 0, RDX, NO_INDEX, 16 * ROUNDS);
    int rcon = 1;
    for (int round = 1; round <= ROUNDS; round++) {
      // vaeskeygenassist xmm1, xmm0, rcon; vpshufd xmm1, xmm1, FFh
      c.registers(MAP_0F3A, P66, 0, L128, 0xDF, 1, 0, 0).imm(rcon);
      c.registers(MAP_0F, P66, 0, L128, 0x70, 1, 0, 1).imm(0xFF);
      int shifted = 0;
      for (int i = 0; i < 3; i++) {
        // vpslldq xmm2, shifted, 4; vpxor xmm0, xmm0, xmm2
        c.registers(MAP_0F, P66, 0, L128, 0x73, 7, 2, shifted).imm(4);
        if (i == 0) {
          // The next shifts start from the first, which xmm0 must not change under.
          shifted = 2;
        }
        c.registers(MAP_0F, P66, 0, L128, 0xEF, 0, 0, 2);
      }
      c.registers(MAP_0F, P66, 0, L128, 0xEF, 0, 0, 1);
      c.vmovdquStore(L128, 0, RSI, NO_INDEX, 16 * round);
      if (round < ROUNDS) {
        c.registers(MAP_0F38, P66, 0, L128, 0xDB, 3, 0, 0); // vaesimc xmm3, xmm0
        c.vmovdquStore(L128, 3, RDX, NO_INDEX, 16 * (ROUNDS - round));
      } else {
        c.vmovdquStore(L128, 0, RDX, NO_INDEX, 0);
      }
      rcon = rcon << 1 ^ (rcon >> 7) * 0x11B;
    }
    return c.end();
  }

  /**
   * {@code void run(from, to, bytes, schedule, table, low, high, start)}: to = E(from ^ T) ^ T,
   * with T = table from {@code start} on ^ (low, high) repeated.
   *
   * <p>Reads {@code bytes} of {@code from} and {@code table} and 176 of {@code schedule}, writes
   * {@code bytes} of {@code to}; {@code bytes} is a positive multiple of {@link #STEP_BYTES}.
   *
   * @param encrypt whether E encrypts; else it decrypts, under the other schedule
   * @param tweakIn whether T is applied before E
   * @param tweakOut whether T is applied after E
   */
  static byte[] run(boolean encrypt, boolean tweakIn, boolean tweakOut) {
    VaesCode c = new VaesCode();
    int round = encrypt ? 0xDC : 0xDE;
    int lastRound = encrypt ? 0xDD : 0xDF;
    // ymm8 = (low, high, low, high)
    c.registers(MAP_0F, P66, 1, L128, 0x6E, 8, 0, R9); // vmovq xmm8, r9
    c.memory(MAP_0F3A, P66, 1, L128, 0x22, 8, 8, RSP, NO_INDEX, 8).imm(1); // vpinsrq
    c.registers(MAP_0F3A, P66, 0, L256, 0x38, 8, 8, 8).imm(1); // vinserti128
    // ymm10 = last round key, ymm8 = first one, each with the page's part of T where it applies
    c.roundKey(10, ROUNDS);
    if (tweakOut) {
      c.vpxor(10, 10, 8);
    }
    c.roundKey(9, 0);
    if (tweakIn) {
      c.vpxor(8, 8, 9);
    } else {
      c.registers(MAP_0F, P66, 0, L256, 0x6F, 8, 0, 9); // vmovdqa ymm8, ymm9
    }
    c.bytes(0x4C, 0x03, 0x44, 0x24, 0x10); // add r8, [rsp + 16]
    c.bytes(0x31, 0xC0); // xor eax, eax
    int loop = c.code.size();
    for (int i = 0; i < LANES; i++) {
      c.memory(MAP_0F, P66, 0, L256, 0xEF, i, 8, RDI, RAX, 32 * i);
      if (tweakIn) {
        c.memory(MAP_0F, P66, 0, L256, 0xEF, i, i, R8, RAX, 32 * i);
      }
    }
    for (int r = 1; r < ROUNDS; r++) {
      c.roundKey(9, r);
      for (int i = 0; i < LANES; i++) {
        c.registers(MAP_0F38, P66, 0, L256, round, i, i, 9);
      }
    }
    for (int i = 0; i < LANES; i++) {
      int key = 10;
      if (tweakOut) {
        // The last round ends with an xor: T comes with the key.
        key = 11 + i % 4;
        c.memory(MAP_0F, P66, 0, L256, 0xEF, key, 10, R8, RAX, 32 * i);
      }
      c.registers(MAP_0F38, P66, 0, L256, lastRound, i, i, key);
      c.vmovdquStore(L256, i, RSI, RAX, 32 * i);
    }
    c.bytes(0x48, 0x05).imm32(STEP_BYTES); // add rax, STEP_BYTES
    c.bytes(0x48, 0x39, 0xD0); // cmp rax, rdx
    c.bytes(0x0F, 0x82).imm32(loop - (c.code.size() + 4)); // jb loop
    return c.end();
  }

  /** Clears every vector register, since they hold keys, and returns. */
  private byte[] end() {
    bytes(0xC5, 0xFC, 0x77, 0xC3); // vzeroall; ret
    return code.toByteArray();
  }

  private void roundKey(int ymm, int round) {
    // vbroadcasti128 ymm, [rcx + 16 round]
    memory(MAP_0F38, P66, 0, L256, 0x5A, ymm, 0, RCX, NO_INDEX, 16 * round);
  }

  private void vpxor(int to, int a, int b) {
    registers(MAP_0F, P66, 0, L256, 0xEF, to, a, b);
  }

  private void vmovdquLoad(int length, int to, int base, int displacement) {
    memory(MAP_0F, PF3, 0, length, 0x6F, to, 0, base, NO_INDEX, displacement);
  }

  private void vmovdquStore(int length, int from, int base, int index, int displacement) {
    memory(MAP_0F, PF3, 0, length, 0x7F, from, 0, base, index, displacement);
  }

  /** An instruction on registers; {@code vvvv} is 0 where it has none. */
  private VaesCode registers(
      int map, int prefix, int w, int length, int opcode, int reg, int vvvv, int rm) {
    vex(map, prefix, w, length, reg, vvvv, 0, rm);
    return bytes(opcode, 0xC0 | (reg & 7) << 3 | rm & 7);
  }

  /** An instruction whose last operand is [base + index + displacement]. */
  private VaesCode memory(
      int map,
      int prefix,
      int w,
      int length,
      int opcode,
      int reg,
      int vvvv,
      int base,
      int index,
      int displacement) {
    vex(map, prefix, w, length, reg, vvvv, index, base);
    // mod 10b: 32-bit displacement; rm 100b: a SIB byte, whose index 100b means none
    bytes(opcode, 0x84 | (reg & 7) << 3, (index & 7) << 3 | base & 7);
    return imm32(displacement);
  }

  /** The three-byte VEX prefix; register bits and vvvv are stored inverted. */
  private void vex(int map, int prefix, int w, int length, int reg, int vvvv, int x, int b) {
    bytes(
        0xC4,
        (~reg >> 3 & 1) << 7 | (~x >> 3 & 1) << 6 | (~b >> 3 & 1) << 5 | map,
        w << 7 | (~vvvv & 15) << 3 | length << 2 | prefix);
  }

  private void imm(int value) {
    code.write(value);
  }

  private VaesCode imm32(int value) {
    return bytes(value, value >> 8, value >> 16, value >> 24);
  }

  private VaesCode bytes(int... values) {
    for (int value : values) {
      code.write(value);
    }
    return this;
  }
}
