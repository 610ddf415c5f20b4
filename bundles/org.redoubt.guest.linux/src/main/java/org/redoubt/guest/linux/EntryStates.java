package org.redoubt.guest.linux;

import org.redoubt.api.cpu.CpuState;
import org.redoubt.spec.x86.Msr;

/** Processor states at a kernel's entry; what no protocol names is as after RESET. */
final class EntryStates {
  /** Attributes as in a VMCB: descriptor bits 55:52 and 47:40. APM Vol. 2, Appendix B. */
  static final int CODE_64 = 0xA9B;

  static final int CODE_32 = 0xC9B;
  static final int FLAT_DATA = 0xC93;
  private static final int LDT = 0x082;
  private static final int BUSY_TSS = 0x08B;
  private static final long FLAT = 0xFFFF_FFFFL;

  /** The page-attribute table after reset. APM Vol. 2, section 7.8. */
  private static final long PAT_RESET = 0x0007_0406_0007_0406L;

  /** Offsets in the XSAVE area; 037Fh and 1F80h are what FNINIT and RESET leave there. */
  private static final int FCW = 0;

  private static final int MXCSR = 24;

  private EntryStates() {}

  /**
   * Flat segments, everything off. APM Vol. 2, table 14-1.
   *
   * @param code attributes of CS
   * @param tssLimit limit of TR
   */
  static CpuState flat(int codeSelector, int code, int dataSelector, long tssLimit) {
    CpuState state = new CpuState();
    for (int data : new int[] {CpuState.ES, CpuState.SS, CpuState.DS, CpuState.FS, CpuState.GS}) {
      segment(state, data, dataSelector, FLAT, FLAT_DATA);
    }
    segment(state, CpuState.CS, codeSelector, FLAT, code);
    segment(state, CpuState.LDTR, 0, 0xFFFF, LDT);
    segment(state, CpuState.TR, 0, tssLimit, BUSY_TSS);
    state.dr[6] = 0xFFFF_0FF0L;
    state.dr[7] = 0x400;
    state.msr.put(Msr.EFER, 0L);
    state.msr.put(Msr.PAT, PAT_RESET);
    state.xsave[FCW] = 0x7F;
    state.xsave[FCW + 1] = 0x03;
    state.xsave[MXCSR] = (byte) 0x80;
    state.xsave[MXCSR + 1] = 0x1F;
    return state;
  }

  private static void segment(CpuState state, int which, int selector, long limit, int attributes) {
    state.selector[which] = selector;
    state.limit[which] = limit;
    state.attributes[which] = attributes;
  }
}
