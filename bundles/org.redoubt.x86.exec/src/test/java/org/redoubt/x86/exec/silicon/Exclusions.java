package org.redoubt.x86.exec.silicon;

import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import org.redoubt.spec.x86.Rflags;
import org.redoubt.x86.decode.CodeSize;
import org.redoubt.x86.decode.Form;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.exec.Unsupported;

/**
 * What is not compared with silicon, and why; and what may differ from it, and by how much. Tests
 * count both.
 */
final class Exclusions {
  /** Operations of which no form is compared. */
  static final Map<Op, String> OPS = ops();

  /** How many operations each reason takes out. */
  static final Map<String, Integer> COUNTS =
      Map.of(
          "answers differ from machine to machine, or from time to time", 8,
          "enters the host's kernel", 6,
          "needs descriptor tables, which a process does not have", 15,
          "not supported here", 12,
          "would take memory away from the JVM", 2,
          "the host's hypervisor decides", 7,
          "the host's kernel emulates it (UMIP)", 5,
          "would take the thread's local storage away from the JVM", 4);

  /**
   * Operations whose results may differ: by so many units of the last place, or by a relative
   * error.
   */
  static final Map<Op, String> TOLERANCES = tolerances();

  /** Operations that are not compared while alignment is checked: which of them depends on more. */
  static final Set<Op> ALIGNMENT = EnumSet.of(Op.MASKMOVQ, Op.MASKMOVDQU);

  private Exclusions() {}

  private static Map<Op, String> ops() {
    Map<Op, String> m = new EnumMap<>(Op.class);
    for (Op op : Unsupported.OPS) {
      m.put(op, "not supported here");
    }
    put(
        m,
        "needs descriptor tables, which a process does not have",
        Op.LES,
        Op.LDS,
        Op.LSS,
        Op.LFS,
        Op.LGS,
        Op.POP_SREG,
        Op.LAR,
        Op.LSL,
        Op.VERR,
        Op.VERW,
        Op.JMP_FAR,
        Op.CALL_FAR,
        Op.RETF,
        Op.IRET,
        Op.MOV_SREG);
    put(m, "enters the host's kernel", Op.INT, Op.INT1, Op.INT3, Op.INTO, Op.SYSCALL, Op.SYSENTER);
    put(
        m,
        "answers differ from machine to machine, or from time to time",
        Op.CPUID,
        Op.RDTSC,
        Op.RDTSCP,
        Op.RDPMC,
        Op.RDRAND,
        Op.RDSEED,
        Op.RDPID,
        Op.XGETBV);
    put(m, "the host's kernel emulates it (UMIP)", Op.SGDT, Op.SIDT, Op.SLDT, Op.STR, Op.SMSW);
    put(
        m,
        "would take the thread's local storage away from the JVM",
        Op.RDFSBASE,
        Op.RDGSBASE,
        Op.WRFSBASE,
        Op.WRGSBASE);
    put(m, "would take memory away from the JVM", Op.RDPKRU, Op.WRPKRU);
    put(
        m,
        "the host's hypervisor decides",
        Op.VMMCALL,
        Op.VMCALL,
        Op.VMGEXIT,
        Op.MONITOR,
        Op.MWAIT,
        Op.MONITORX,
        Op.MWAITX);
    return m;
  }

  private static void put(Map<Op, String> m, String reason, Op... ops) {
    for (Op op : ops) {
      m.put(op, reason);
    }
  }

  private static Map<Op, String> tolerances() {
    Map<Op, String> m = new EnumMap<>(Op.class);
    put(
        m,
        "1.5 * 2^-12 relative, as the manual has it",
        Op.RCPPS,
        Op.RCPSS,
        Op.RSQRTPS,
        Op.RSQRTSS);
    put(
        m,
        "one unit of the last place; C1",
        Op.F2XM1,
        Op.FYL2X,
        Op.FYL2XP1,
        Op.FPTAN,
        Op.FPATAN,
        Op.FSIN,
        Op.FCOS,
        Op.FSINCOS);
    return m;
  }

  /** As {@link #of(Form)}, with these flags set. */
  static String of(Form form, long flags) {
    return (flags & Rflags.AC) != 0 && ALIGNMENT.contains(form.op())
        ? "silicon's rule for its alignment is not known"
        : of(form);
  }

  /** Why this form is left out, or an empty string. */
  static String of(Form form) {
    String reason = OPS.get(form.op());
    if (reason != null) {
      return reason;
    }
    boolean branch =
        form.relative() || form.op() == Op.JMP || form.op() == Op.CALL || form.op() == Op.RET;
    if (branch && form.operandSize() == 16 && form.size() != CodeSize.BITS16) {
      return "a branch with 16-bit operand size leaves the code page";
    }
    return "";
  }
}
