package org.redoubt.spec.x86;

/** #VMEXIT codes. APM Vol. 2, Appendix C. */
public final class SvmExit {
  /** Plus the control register's number. */
  public static final int CR0_READ = 0x00;

  public static final int CR0_WRITE = 0x10;
  public static final int DR0_READ = 0x20;
  public static final int DR0_WRITE = 0x30;

  /** Plus the exception's vector. */
  public static final int EXCP0 = 0x40;

  public static final int INTR = 0x60;
  public static final int NMI = 0x61;
  public static final int SMI = 0x62;
  public static final int INIT = 0x63;
  public static final int VINTR = 0x64;
  public static final int IDTR_READ = 0x66;
  public static final int RDTSC = 0x6e;
  public static final int RDPMC = 0x6f;
  public static final int PUSHF = 0x70;
  public static final int POPF = 0x71;
  public static final int CPUID = 0x72;
  public static final int RSM = 0x73;
  public static final int IRET = 0x74;
  public static final int SWINT = 0x75;
  public static final int INVD = 0x76;
  public static final int PAUSE = 0x77;
  public static final int HLT = 0x78;
  public static final int INVLPG = 0x79;
  public static final int INVLPGA = 0x7a;
  public static final int IOIO = 0x7b;
  public static final int MSR = 0x7c;
  public static final int SHUTDOWN = 0x7f;
  public static final int VMRUN = 0x80;
  public static final int VMMCALL = 0x81;
  public static final int RDTSCP = 0x87;
  public static final int WBINVD = 0x89;
  public static final int MONITOR = 0x8a;
  public static final int MWAIT = 0x8b;
  public static final int XSETBV = 0x8d;
  public static final int NPF = 0x400;
  public static final int VMGEXIT = 0x403;

  private SvmExit() {}
}
