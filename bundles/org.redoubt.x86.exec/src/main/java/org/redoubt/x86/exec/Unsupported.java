package org.redoubt.x86.exec;

import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;

/** Operations that are decoded and have no meaning here: they raise #UD. A test counts them. */
public final class Unsupported {
  /** The list. */
  public static final Set<Op> OPS = Collections.unmodifiableSet(list());

  private Unsupported() {}

  private static EnumSet<Op> list() {
    EnumSet<Op> ops = EnumSet.noneOf(Op.class);
    // SVM within the guest and SNP's instructions: their CPUID bits are clear.
    ops.addAll(EnumSet.range(Op.VMRUN, Op.INVLPGA));
    ops.addAll(EnumSet.range(Op.PVALIDATE, Op.PSMASH));
    // No system-management mode.
    ops.add(Op.RSM);
    return ops;
  }

  static void bind() {
    for (Op op : OPS) {
      Meanings.bind(op, Unsupported::raise);
    }
  }

  private static void raise(Cpu cpu, Insn in) {
    cpu.hooks.unsupported(in);
    throw cpu.undefined();
  }
}
