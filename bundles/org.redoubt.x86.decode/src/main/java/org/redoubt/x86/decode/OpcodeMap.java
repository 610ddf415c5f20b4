package org.redoubt.x86.decode;

import java.util.ArrayList;
import java.util.List;

/**
 * One opcode map: rows by opcode byte. Rows of one opcode exclude each other; a clash fails when
 * the map is built.
 */
final class OpcodeMap {
  private static final Row[] NO_ROWS = {};

  private final String name;
  private final List<List<Row>> building = new ArrayList<>();
  private final Row[][] rows = new Row[256][];
  private Row last = new Row(0, Op.INVALID);

  OpcodeMap(String name) {
    this.name = name;
    for (int i = 0; i < 256; i++) {
      building.add(new ArrayList<>());
    }
  }

  OpcodeMap row(int opcode, Op op, Arg... args) {
    last = new Row(opcode, op, args);
    building.get(opcode).add(last);
    return this;
  }

  /** A row with no mandatory prefix. */
  OpcodeMap np(int opcode, Op op, Arg... args) {
    return row(opcode, op, args).prefix(Row.NP);
  }

  /** A row with mandatory prefix 66. */
  OpcodeMap p66(int opcode, Op op, Arg... args) {
    return row(opcode, op, args).prefix(Row.P66);
  }

  /** A row with mandatory prefix F3. */
  OpcodeMap f3(int opcode, Op op, Arg... args) {
    return row(opcode, op, args).prefix(Row.PF3);
  }

  /** A row with mandatory prefix F2. */
  OpcodeMap f2(int opcode, Op op, Arg... args) {
    return row(opcode, op, args).prefix(Row.PF2);
  }

  /**
   * An MMX row with no prefix, the same for XMM registers with 66, and its VEX form with a
   * destination of its own.
   */
  OpcodeMap mmxSse(int opcode, Op op) {
    return mmxSse(opcode, op, Arg.Vx, Arg.Hx, Arg.Wx);
  }

  /** As {@link #mmxSse(int, Op)}, with the operands of the VEX form. */
  OpcodeMap mmxSse(int opcode, Op op, Arg... vexArgs) {
    return np(opcode, op, Arg.Pq, Arg.Qq).p66(opcode, op, Arg.Vx, Arg.Wx).avx2(vexArgs);
  }

  /**
   * The VEX form of the row before, of either vector length: 256 bits come with AVX too, as in
   * floating point.
   */
  OpcodeMap avx(Arg... args) {
    Row legacy = last;
    row(legacy.opcode, legacy.op, args).prefix(legacy.prefixes).vex();
    last.ext = legacy.ext;
    last.modRm = true;
    return this;
  }

  /** The VEX form of the row before: 256 bits come with AVX2, as in integer operations. */
  OpcodeMap avx2(Arg... args) {
    return avx(args).wide(Feature.AVX2);
  }

  /** The VEX form of the row before, of 128 bits only. */
  OpcodeMap avx128(Arg... args) {
    return avx(args).l(0);
  }

  /** The row before has no form but VEX, and W = 0 unless it says otherwise. */
  OpcodeMap avxOnly() {
    last.makeVex();
    last.w = 0;
    return this;
  }

  /** The feature that VEX.L = 1 needs. */
  OpcodeMap wide(Feature feature) {
    last.wideFeature = feature;
    return this;
  }

  /** The feature that this encoding needs, if it is not its operation's. */
  OpcodeMap feature(Feature feature) {
    last.feature = feature;
    last.wideFeature = feature;
    return this;
  }

  /** VEX.L. */
  OpcodeMap l(int l) {
    last.l = l;
    return this;
  }

  OpcodeMap prefix(int set) {
    last.prefixes = set;
    return this;
  }

  /** ModRM.reg selects this row. */
  OpcodeMap ext(int reg) {
    last.ext = reg;
    last.modRm = true;
    return this;
  }

  /** ModRM.rm selects this row too; implies a register form. */
  OpcodeMap rm(int rm) {
    last.rm = rm;
    last.registerOnly = true;
    last.modRm = true;
    return this;
  }

  /** Register form only. */
  OpcodeMap reg() {
    last.registerOnly = true;
    last.modRm = true;
    return this;
  }

  /** Memory form only. */
  OpcodeMap mem() {
    last.memoryOnly = true;
    last.modRm = true;
    return this;
  }

  /** LOCK is legal when the destination is memory. */
  OpcodeMap lockable() {
    last.lockable = true;
    return this;
  }

  /** Invalid in 64-bit mode. */
  OpcodeMap i64() {
    last.not64 = true;
    return this;
  }

  /** Valid in 64-bit mode only. */
  OpcodeMap o64() {
    last.only64 = true;
    return this;
  }

  OpcodeMap d64() {
    last.default64 = true;
    return this;
  }

  OpcodeMap f64() {
    last.force64 = true;
    return this;
  }

  OpcodeMap w(int w) {
    last.w = w;
    return this;
  }

  OpcodeMap vex() {
    last.makeVex();
    return this;
  }

  OpcodeMap build() {
    for (int i = 0; i < 256; i++) {
      rows[i] = building.get(i).toArray(NO_ROWS);
      check(rows[i]);
    }
    building.clear();
    return this;
  }

  private void check(Row[] candidates) {
    for (int a = 0; a < candidates.length; a++) {
      for (int b = a + 1; b < candidates.length; b++) {
        if (candidates[a].clashes(candidates[b])) {
          throw new IllegalStateException(
              "%s map, opcode %02X: %s and %s clash"
                  .formatted(name, candidates[a].opcode, candidates[a].op, candidates[b].op));
        }
      }
    }
  }

  Row[] rows(int opcode) {
    return rows[opcode];
  }

  /** True when some row of the opcode has a ModRM byte (then all do). */
  boolean modRm(int opcode) {
    for (Row r : rows[opcode]) {
      if (r.modRm) {
        return true;
      }
    }
    return false;
  }
}
