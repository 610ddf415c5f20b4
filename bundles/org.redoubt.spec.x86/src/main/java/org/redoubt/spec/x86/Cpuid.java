package org.redoubt.spec.x86;

/** CPUID feature bits that something here asks about. APM Vol. 3, Appendix E. */
public final class Cpuid {
  /** Fn0000_0001 ECX. */
  public static final int F1_ECX_SSE3 = 1 << 0;

  public static final int F1_ECX_PCLMULQDQ = 1 << 1;
  public static final int F1_ECX_MONITOR = 1 << 3;
  public static final int F1_ECX_SSSE3 = 1 << 9;
  public static final int F1_ECX_FMA = 1 << 12;
  public static final int F1_ECX_CMPXCHG16B = 1 << 13;
  public static final int F1_ECX_PCID = 1 << 17;
  public static final int F1_ECX_SSE41 = 1 << 19;
  public static final int F1_ECX_SSE42 = 1 << 20;
  public static final int F1_ECX_X2APIC = 1 << 21;
  public static final int F1_ECX_MOVBE = 1 << 22;
  public static final int F1_ECX_POPCNT = 1 << 23;
  public static final int F1_ECX_TSC_DEADLINE = 1 << 24;
  public static final int F1_ECX_AES = 1 << 25;
  public static final int F1_ECX_XSAVE = 1 << 26;
  public static final int F1_ECX_OSXSAVE = 1 << 27;
  public static final int F1_ECX_AVX = 1 << 28;
  public static final int F1_ECX_F16C = 1 << 29;
  public static final int F1_ECX_RDRAND = 1 << 30;
  public static final int F1_ECX_HYPERVISOR = 1 << 31;

  /** Fn0000_0001 EDX. */
  public static final int F1_EDX_FPU = 1 << 0;

  public static final int F1_EDX_APIC = 1 << 9;

  /** Fn0000_0007_0 EBX. */
  public static final int F7_EBX_FSGSBASE = 1 << 0;

  public static final int F7_EBX_BMI1 = 1 << 3;
  public static final int F7_EBX_SMEP = 1 << 7;
  public static final int F7_EBX_BMI2 = 1 << 8;
  public static final int F7_EBX_INVPCID = 1 << 10;
  public static final int F7_EBX_RDSEED = 1 << 18;
  public static final int F7_EBX_ADX = 1 << 19;
  public static final int F7_EBX_SMAP = 1 << 20;
  public static final int F7_EBX_CLFLUSHOPT = 1 << 23;
  public static final int F7_EBX_CLWB = 1 << 24;
  public static final int F7_EBX_SHA = 1 << 29;

  /** Fn0000_0007_0 ECX. */
  public static final int F7_ECX_UMIP = 1 << 2;

  public static final int F7_ECX_PKU = 1 << 3;
  public static final int F7_ECX_OSPKE = 1 << 4;
  public static final int F7_ECX_LA57 = 1 << 16;
  public static final int F7_ECX_RDPID = 1 << 22;

  /** Fn8000_0001 EDX. */
  public static final int F81_EDX_SYSCALL = 1 << 11;

  public static final int F81_EDX_NX = 1 << 20;
  public static final int F81_EDX_FFXSR = 1 << 25;
  public static final int F81_EDX_PAGE1GB = 1 << 26;
  public static final int F81_EDX_RDTSCP = 1 << 27;
  public static final int F81_EDX_LM = 1 << 29;

  /** Fn8000_0001 ECX. */
  public static final int F81_ECX_SVM = 1 << 2;

  private Cpuid() {}
}
