package org.redoubt.spec.x86;

/** MSR numbers. APM Vol. 2, Appendix A. */
public final class Msr {
  public static final int TSC = 0x10;
  public static final int APIC_BASE = 0x1b;
  public static final int SPEC_CTRL = 0x48;
  public static final int PRED_CMD = 0x49;
  public static final int PATCH_LEVEL = 0x8b;
  public static final int MPERF = 0xe7;
  public static final int APERF = 0xe8;
  public static final int MTRR_CAP = 0xfe;
  public static final int SYSENTER_CS = 0x174;
  public static final int SYSENTER_ESP = 0x175;
  public static final int SYSENTER_EIP = 0x176;
  public static final int MCG_CAP = 0x179;
  public static final int MCG_STATUS = 0x17a;
  public static final int MCG_CTL = 0x17b;
  public static final int MISC_ENABLE = 0x1a0;
  public static final int DEBUG_CTL = 0x1d9;

  /** Eight pairs of base and mask from here. */
  public static final int MTRR_PHYS_BASE0 = 0x200;

  public static final int MTRR_FIX_64K = 0x250;
  public static final int MTRR_FIX_16K_0 = 0x258;
  public static final int MTRR_FIX_16K_1 = 0x259;

  /** Eight registers of 4 KiB ranges from here. */
  public static final int MTRR_FIX_4K_0 = 0x268;

  public static final int PAT = 0x277;
  public static final int MTRR_DEF_TYPE = 0x2ff;

  /** Bank registers (CTL, STATUS, ADDR, MISC), four for each bank. */
  public static final int MC0_CTL = 0x400;

  public static final int TSC_DEADLINE = 0x6e0;

  /** First and last of the x2APIC registers. */
  public static final int X2APIC_FIRST = 0x800;

  public static final int X2APIC_LAST = 0x8ff;
  public static final int XSS = 0xda0;
  public static final int EFER = 0xc000_0080;
  public static final int STAR = 0xc000_0081;
  public static final int LSTAR = 0xc000_0082;
  public static final int CSTAR = 0xc000_0083;
  public static final int SFMASK = 0xc000_0084;
  public static final int FS_BASE = 0xc000_0100;
  public static final int GS_BASE = 0xc000_0101;
  public static final int KERNEL_GS_BASE = 0xc000_0102;
  public static final int TSC_AUX = 0xc000_0103;
  public static final int TSC_RATIO = 0xc000_0104;
  public static final int SYSCFG = 0xc001_0010;
  public static final int HWCR = 0xc001_0015;
  public static final int NB_CFG = 0xc001_001f;
  public static final int VM_CR = 0xc001_0114;
  public static final int VM_HSAVE_PA = 0xc001_0117;
  public static final int DE_CFG = 0xc001_1029;
  public static final int GHCB = 0xc001_0130;
  public static final int SEV_STATUS = 0xc001_0131;
  public static final int RMP_BASE = 0xc001_0132;
  public static final int RMP_END = 0xc001_0133;

  public static final int OSVW_ID_LENGTH = 0xc001_0140;
  public static final int OSVW_STATUS = 0xc001_0141;

  private Msr() {}
}
