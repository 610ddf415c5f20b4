package org.redoubt.api.cpu;

import java.util.TreeMap;
import org.redoubt.spec.x86.Msr;

/**
 * All guest-visible state of a vCPU at an instruction boundary: the form in which it moves between
 * engines, loaders, debuggers and snapshots. A plain mutable carrier; not thread-safe.
 */
public final class CpuState {
  /** Segment numbers, as in instruction encodings; the last two are the system segments. */
  public static final int ES = 0;

  public static final int CS = 1;
  public static final int SS = 2;
  public static final int DS = 3;
  public static final int FS = 4;
  public static final int GS = 5;
  public static final int LDTR = 6;
  public static final int TR = 7;

  /** RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 to R15. */
  public final long[] gpr = new long[16];

  public long rip;
  public long rflags = 2;

  public final int[] selector = new int[8];
  public final long[] base = new long[8];

  /** Limits in bytes, granularity applied. */
  public final long[] limit = new long[8];

  /** Attributes as in a VMCB: descriptor bits 55:52 and 47:40. APM Vol. 2, Appendix B. */
  public final int[] attributes = new int[8];

  public long gdtBase;
  public int gdtLimit;
  public long idtBase;
  public int idtLimit;
  public long cr0;
  public long cr2;
  public long cr3;
  public long cr4;
  public long cr8;
  public long xcr0 = 1;

  /** DR0 to DR3, two unused, DR6, DR7. */
  public final long[] dr = new long[8];

  /**
   * MSRs that the engine keeps, by number: EFER, STAR, LSTAR, FS_BASE is in {@link #base}, and so
   * on.
   */
  public final TreeMap<Integer, Long> msr = new TreeMap<>();

  /**
   * The XSAVE area in standard format: legacy region, header, then the extended components: the
   * upper halves of YMM0 to YMM15 from 576 on, PKRU at 832. An area of 832 bytes has no PKRU: it is
   * 0.
   */
  public byte[] xsave = new byte[840];

  /** Whether the vCPU is in HLT. */
  public boolean halted;

  /** Whether interrupts are held off for one instruction (after STI or MOV SS). */
  public boolean interruptShadow;

  /** Whether NMIs are blocked until IRET. */
  public boolean nmiBlocked;

  private static final String[] GPRS = {
    "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", "R8 ", "R9 ", "R10", "R11", "R12",
    "R13", "R14", "R15"
  };
  private static final String[] SEGMENTS = {"ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"};

  /** The registers as people read them, a block of lines. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder(1500);
    for (int i = 0; i < 16; i++) {
      String after = i % 4 == 3 ? System.lineSeparator() : "  ";
      text.append("%s %016x%s".formatted(GPRS[i], gpr[i], after));
    }
    text.append("RIP %016x  RFLAGS %08x%s%n".formatted(rip, rflags, halted ? "  halted" : ""));
    for (int i = 0; i < 8; i++) {
      text.append(
          "%-4s %04x  base %016x  limit %08x  attributes %03x%n"
              .formatted(SEGMENTS[i], selector[i], base[i], limit[i], attributes[i]));
    }
    text.append("GDT %016x %04x  IDT %016x %04x%n".formatted(gdtBase, gdtLimit, idtBase, idtLimit));
    text.append(
        "CR0 %08x  CR2 %016x  CR3 %016x  CR4 %08x  CR8 %x%n".formatted(cr0, cr2, cr3, cr4, cr8));
    text.append(
        "EFER %x  XCR0 %x  DR6 %x  DR7 %x%n"
            .formatted(msr.getOrDefault(Msr.EFER, 0L), xcr0, dr[6], dr[7]));
    return text.toString();
  }
}
