package org.redoubt.cpu.interpreter.internal;

import java.util.Map;
import java.util.TreeMap;
import org.redoubt.spec.x86.Msr;
import org.redoubt.x86.exec.CpuModel;

/**
 * MSRs that have no effect here and keep what is written: memory-type ranges, machine check,
 * configuration. Everything else raises #GP.
 */
final class MsrFile {
  /** MTRR_CAP: eight variable ranges, fixed ranges, write-combining. */
  private static final long MTRR_CAPABILITIES = 0x508;

  /** What Zen reports as its patch level. */
  private static final long PATCH = 0x0800_126e;

  private final TreeMap<Integer, Long> values = new TreeMap<>();

  private final boolean barrier;
  private final long speculationControls;

  /** Barriers and controls of speculation are taken note of: there is no branch predictor. */
  MsrFile(CpuModel model) {
    barrier = model.hasBarrier();
    speculationControls = model.speculationControls();
    if (speculationControls != 0) {
      values.put(Msr.SPEC_CTRL, 0L);
    }
    values.put(Msr.MTRR_DEF_TYPE, 0xc06L);
    for (int i = 0; i < 16; i++) {
      values.put(Msr.MTRR_PHYS_BASE0 + i, 0L);
    }
    values.put(Msr.MTRR_FIX_64K, 0x0606_0606_0606_0606L);
    values.put(Msr.MTRR_FIX_16K_0, 0x0606_0606_0606_0606L);
    values.put(Msr.MTRR_FIX_16K_1, 0L);
    for (int i = 0; i < 8; i++) {
      values.put(Msr.MTRR_FIX_4K_0 + i, 0x0606_0606_0606_0606L);
    }
    values.put(Msr.MISC_ENABLE, 1L);
    values.put(Msr.DEBUG_CTL, 0L);
    values.put(Msr.MCG_STATUS, 0L);
    values.put(Msr.HWCR, 0x100_0000L); // TscFreqSel: the TSC counts at the P0 frequency
    values.put(Msr.DE_CFG, 2L); // LFENCE is serialising
    values.put(Msr.SYSCFG, 0L);
    values.put(Msr.VM_HSAVE_PA, 0L);
    values.put(Msr.NB_CFG, 0L);
    values.put(Msr.OSVW_ID_LENGTH, 0L);
    values.put(Msr.OSVW_STATUS, 0L);
  }

  boolean read(int msr, long[] value) {
    switch (msr) {
      case Msr.MTRR_CAP -> value[0] = MTRR_CAPABILITIES;
      case Msr.PATCH_LEVEL -> value[0] = PATCH;
      case Msr.MCG_CAP, Msr.VM_CR -> value[0] = 0;
      default -> {
        Long known = values.get(msr);
        if (known == null) {
          return false;
        }
        value[0] = known;
      }
    }
    return true;
  }

  boolean write(int msr, long value) {
    if (msr == Msr.PATCH_LEVEL || msr == Msr.SYSCFG) {
      return true; // theirs is the host's: memory encryption stays as it is
    }
    if (msr == Msr.PRED_CMD) {
      return barrier && (value & ~1L) == 0;
    }
    if (msr == Msr.SPEC_CTRL && (value & ~speculationControls) != 0) {
      return false;
    }
    return values.computeIfPresent(msr, (k, old) -> value) != null;
  }

  void export(Map<Integer, Long> target) {
    target.putAll(values);
  }

  void takeOver(Map<Integer, Long> source) {
    values.replaceAll((msr, old) -> source.getOrDefault(msr, old));
  }
}
