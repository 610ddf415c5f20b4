package org.redoubt.spec.x86;

/** Exception vectors. APM Vol. 2, Table 8-1. */
public final class Vector {
  public static final int DE = 0;
  public static final int DB = 1;
  public static final int NMI = 2;
  public static final int BP = 3;
  public static final int OF = 4;
  public static final int BR = 5;
  public static final int UD = 6;
  public static final int NM = 7;
  public static final int DF = 8;
  public static final int TS = 10;
  public static final int NP = 11;
  public static final int SS = 12;
  public static final int GP = 13;
  public static final int PF = 14;
  public static final int MF = 16;
  public static final int AC = 17;
  public static final int MC = 18;
  public static final int XF = 19;
  public static final int CP = 21;
  public static final int HV = 28;
  public static final int VC = 29;
  public static final int SX = 30;

  private static final int WITH_ERROR_CODE =
      1 << DF | 1 << TS | 1 << NP | 1 << SS | 1 << GP | 1 << PF | 1 << AC | 1 << CP | 1 << VC
          | 1 << SX;

  /** #DE, #TS, #NP, #SS and #GP: two of them in a row make a #DF. APM Vol. 2, Table 8-4. */
  private static final int CONTRIBUTORY = 1 << DE | 1 << TS | 1 << NP | 1 << SS | 1 << GP;

  /** True when the exception pushes an error code. */
  public static boolean hasErrorCode(int vector) {
    return vector < 32 && (WITH_ERROR_CODE >> vector & 1) != 0;
  }

  public static boolean isContributory(int vector) {
    return vector < 32 && (CONTRIBUTORY >> vector & 1) != 0;
  }

  private Vector() {}
}
