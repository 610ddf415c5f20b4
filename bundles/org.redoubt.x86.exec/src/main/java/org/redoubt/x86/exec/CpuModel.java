package org.redoubt.x86.exec;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.redoubt.spec.x86.Cpuid;
import org.redoubt.spec.x86.Cr4;
import org.redoubt.x86.decode.Feature;

/**
 * What a CPU model has: its CPUID leaves, and the features that follow from them.
 *
 * @param name QEMU's name
 * @param signature EAX of CPUID Fn0000_0001
 * @param features instructions outside this set raise #UD
 * @param leaves what CPUID says, before control registers and the machine have their say
 */
public record CpuModel(String name, int signature, Set<Feature> features, List<Leaf> leaves) {
  /** {@link Leaf#subleaf()} of a leaf that ignores ECX. */
  public static final int ANY = -1;

  /** One leaf of CPUID. */
  public record Leaf(int leaf, int subleaf, int eax, int ebx, int ecx, int edx) {
    boolean is(int otherLeaf, int otherSubleaf) {
      return leaf == otherLeaf && (subleaf == ANY || subleaf == otherSubleaf);
    }
  }

  /** Copies the collections. */
  public CpuModel {
    features = Set.copyOf(features);
    leaves = List.copyOf(leaves);
  }

  /** A model for tests, with features and no leaves. */
  public CpuModel(String name, int signature, Set<Feature> features) {
    this(name, signature, features, List.of());
  }

  static CpuModel of(String name, List<Leaf> leaves) {
    CpuModel bare = new CpuModel(name, 0, Set.of(), leaves);
    EnumSet<Feature> features = EnumSet.of(Feature.BASE);
    for (FeatureBit bit : FeatureBit.ALL) {
      if (bit.in(bare)) {
        features.add(bit.feature());
      }
    }
    return new CpuModel(name, bare.register(1, 0, 0), features, leaves);
  }

  public boolean has(Feature feature) {
    return features.contains(feature);
  }

  /** Writes EAX, EBX, ECX, EDX of a leaf; zeros if there is none. */
  public void cpuid(int leaf, int subleaf, int[] registers) {
    for (int i = 0; i < 4; i++) {
      registers[i] = register(leaf, subleaf, i);
    }
  }

  private int register(int leaf, int subleaf, int register) {
    for (Leaf l : leaves) {
      if (l.is(leaf, subleaf)) {
        return switch (register) {
          case 0 -> l.eax();
          case 1 -> l.ebx();
          case 2 -> l.ecx();
          default -> l.edx();
        };
      }
    }
    return 0;
  }

  /** Width of physical addresses in bits; 48 if the leaves do not say. */
  public int physicalBits() {
    int bits = register(0x8000_0008, 0, 0) & 0xff;
    return bits == 0 ? 48 : bits;
  }

  /** Whether MSR PRED_CMD is there: IBPB. */
  public boolean hasBarrier() {
    return (register(0x8000_0008, 0, 1) >>> 12 & 1) != 0;
  }

  /**
   * The bits of MSR SPEC_CTRL that the model has: IBRS, STIBP, SSBD, PSFD; 0 if there is no such
   * MSR.
   */
  public long speculationControls() {
    int b8 = register(0x8000_0008, 0, 1);
    return (b8 >>> 14 & 1) | (b8 >>> 15 & 1) << 1 | (b8 >>> 24 & 1) << 2 | (b8 >>> 28 & 1) << 7;
  }

  /** The components that XCR0 may name. */
  long xcr0() {
    return register(0xd, 0, 0);
  }

  /** Bits of CR4 that go with CPUID bits which no instruction depends on. */
  long cr4Extra() {
    int f1 = register(1, 0, 2);
    int b7 = register(7, 0, 1);
    int c7 = register(7, 0, 2);
    return ((f1 & Cpuid.F1_ECX_PCID) != 0 ? Cr4.PCIDE : 0)
        | ((b7 & Cpuid.F7_EBX_SMEP) != 0 ? Cr4.SMEP : 0)
        | ((c7 & Cpuid.F7_ECX_UMIP) != 0 ? Cr4.UMIP : 0)
        | ((c7 & Cpuid.F7_ECX_PKU) != 0 ? Cr4.PKE : 0)
        | ((c7 & Cpuid.F7_ECX_LA57) != 0 ? Cr4.LA57 : 0);
  }

  /** Which bit of CPUID stands for a feature. APM Vol. 3, Appendix E. */
  private record FeatureBit(Feature feature, int leaf, int subleaf, int register, int bit) {
    private static final int EAX = 0;
    private static final int EBX = 1;
    private static final int ECX = 2;
    private static final int EDX = 3;

    static final List<FeatureBit> ALL =
        List.of(
            new FeatureBit(Feature.X87, 1, 0, EDX, 0),
            new FeatureBit(Feature.MMX, 1, 0, EDX, 23),
            new FeatureBit(Feature.FXSR, 1, 0, EDX, 24),
            new FeatureBit(Feature.SSE, 1, 0, EDX, 25),
            new FeatureBit(Feature.SSE2, 1, 0, EDX, 26),
            new FeatureBit(Feature.SSE3, 1, 0, ECX, 0),
            new FeatureBit(Feature.PCLMULQDQ, 1, 0, ECX, 1),
            new FeatureBit(Feature.MONITOR, 1, 0, ECX, 3),
            new FeatureBit(Feature.SSSE3, 1, 0, ECX, 9),
            new FeatureBit(Feature.FMA, 1, 0, ECX, 12),
            new FeatureBit(Feature.CMPXCHG16B, 1, 0, ECX, 13),
            new FeatureBit(Feature.SSE41, 1, 0, ECX, 19),
            new FeatureBit(Feature.SSE42, 1, 0, ECX, 20),
            new FeatureBit(Feature.MOVBE, 1, 0, ECX, 22),
            new FeatureBit(Feature.POPCNT, 1, 0, ECX, 23),
            new FeatureBit(Feature.AES, 1, 0, ECX, 25),
            new FeatureBit(Feature.XSAVE, 1, 0, ECX, 26),
            new FeatureBit(Feature.AVX, 1, 0, ECX, 28),
            new FeatureBit(Feature.F16C, 1, 0, ECX, 29),
            new FeatureBit(Feature.RDRAND, 1, 0, ECX, 30),
            new FeatureBit(Feature.FSGSBASE, 7, 0, EBX, 0),
            new FeatureBit(Feature.BMI1, 7, 0, EBX, 3),
            new FeatureBit(Feature.AVX2, 7, 0, EBX, 5),
            new FeatureBit(Feature.BMI2, 7, 0, EBX, 8),
            new FeatureBit(Feature.INVPCID, 7, 0, EBX, 10),
            new FeatureBit(Feature.RDSEED, 7, 0, EBX, 18),
            new FeatureBit(Feature.ADX, 7, 0, EBX, 19),
            new FeatureBit(Feature.SMAP, 7, 0, EBX, 20),
            new FeatureBit(Feature.CLFLUSHOPT, 7, 0, EBX, 23),
            new FeatureBit(Feature.CLWB, 7, 0, EBX, 24),
            new FeatureBit(Feature.SHA, 7, 0, EBX, 29),
            new FeatureBit(Feature.PKU, 7, 0, ECX, 3),
            new FeatureBit(Feature.VAES, 7, 0, ECX, 9),
            new FeatureBit(Feature.VPCLMULQDQ, 7, 0, ECX, 10),
            new FeatureBit(Feature.RDPID, 7, 0, ECX, 22),
            new FeatureBit(Feature.XSAVEOPT, 0xd, 1, EAX, 0),
            new FeatureBit(Feature.XSAVEC, 0xd, 1, EAX, 1),
            new FeatureBit(Feature.XSAVES, 0xd, 1, EAX, 3),
            new FeatureBit(Feature.LZCNT, 0x8000_0001, 0, ECX, 5),
            new FeatureBit(Feature.SSE4A, 0x8000_0001, 0, ECX, 6),
            new FeatureBit(Feature.RDTSCP, 0x8000_0001, 0, EDX, 27),
            new FeatureBit(Feature.CLZERO, 0x8000_0008, 0, EBX, 0),
            new FeatureBit(Feature.WBNOINVD, 0x8000_0008, 0, EBX, 9));

    boolean in(CpuModel model) {
      return (model.register(leaf, subleaf, register) >>> bit & 1) != 0;
    }
  }
}
