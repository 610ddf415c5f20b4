package org.redoubt.x86.exec;

import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;

/**
 * The meaning of each operation. Each group's file binds its own; what no group binds stands in
 * {@link Unsupported} and raises #UD.
 */
public final class Meanings {
  private static final @Nullable Meaning[] TABLE = new Meaning[Op.values().length];

  static {
    Arithmetic.bind();
    Divide.bind();
    Logic.bind();
    Shift.bind();
    Bits.bind();
    Move.bind();
    Stack.bind();
    Control.bind();
    FlagOps.bind();
    Strings.bind();
    Ports.bind();
    Segments.bind();
    FarTransfer.bind();
    Interrupts.bind();
    FastCall.bind();
    ControlRegisters.bind();
    SystemOps.bind();
    StateSave.bind();
    X87Environment.bind();
    X87Arithmetic.bind();
    X87Transfer.bind();
    X87Function.bind();
    VectorMove.bind();
    PackedInteger.bind();
    Shuffle.bind();
    VectorFloat.bind();
    VectorConvert.bind();
    StringCompare.bind();
    Crypto.bind();
    Sha.bind();
    Avx.bind();
    Gather.bind();
    Fma.bind();
    Unsupported.bind();
  }

  private Meanings() {}

  /** Called by each group's {@code bind}, once for each operation. */
  static void bind(Op op, Meaning meaning) {
    if (TABLE[op.ordinal()] != null) {
      throw new IllegalStateException("bug: two meanings for " + op);
    }
    TABLE[op.ordinal()] = meaning;
  }

  /** The meaning of an instruction in its encoding. */
  public static Meaning of(Insn in) {
    return in.vector != 0 ? Vex.of(in) : of(in.op);
  }

  static boolean bound(Op op) {
    return TABLE[op.ordinal()] != null;
  }

  /** The meaning of an operation without VEX, or of one 128-bit lane of it. */
  public static Meaning of(Op op) {
    Meaning meaning = TABLE[op.ordinal()];
    if (meaning == null) {
      throw new IllegalStateException("bug: no meaning for " + op);
    }
    return meaning;
  }

  /** Operations that neither have a meaning nor stand in {@link Unsupported}: none. */
  static Set<Op> missing() {
    EnumSet<Op> missing = EnumSet.noneOf(Op.class);
    for (Op op : Op.values()) {
      if (!bound(op) && !Vex.bound(op)) {
        missing.add(op);
      }
    }
    return missing;
  }
}
