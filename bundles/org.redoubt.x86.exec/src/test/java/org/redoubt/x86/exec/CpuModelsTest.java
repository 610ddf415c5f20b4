package org.redoubt.x86.exec;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.redoubt.x86.decode.Feature;

final class CpuModelsTest {
  private static int[] leaf(String model, int leaf) {
    int[] registers = new int[4];
    CpuModels.find(model).orElseThrow().cpuid(leaf, 0, registers);
    return registers;
  }

  @Test
  void shouldHaveQemusNamesTheDefaultFirst() {
    assertEquals(
        List.of("EPYC", "EPYC-v1", "EPYC-v2", "EPYC-IBPB", "qemu64", "qemu64-v1"),
        CpuModels.names());
    assertTrue(CpuModels.find("Z80").isEmpty());
  }

  @Test
  void shouldTakeTheLeavesOfTheModelItIsLike() {
    for (int leaf : new int[] {0, 1, 7, 0xd, 0x8000_0001, 0x8000_0008}) {
      assertArrayEquals(leaf("EPYC", leaf), leaf("EPYC-v1", leaf));
      if (leaf != 0x8000_0008) {
        assertArrayEquals(leaf("EPYC", leaf), leaf("EPYC-IBPB", leaf));
      }
    }
    assertEquals(0x1000, leaf("EPYC-IBPB", 0x8000_0008)[1]);
    assertFalse(CpuModels.find("EPYC").orElseThrow().hasBarrier());
    assertTrue(CpuModels.find("EPYC-v2").orElseThrow().hasBarrier());
  }

  /** EPYC is of family 17h, QEMU's plain model of family 0Fh; AVX comes with another model. */
  @Test
  void shouldSayWhatItIsAndNothingThatIsNotThere() {
    assertEquals(0x0080_0f12, leaf("EPYC", 1)[0]);
    assertEquals(0xf61, leaf("qemu64", 1)[0]);
    assertTrue(CpuModels.find("EPYC").orElseThrow().has(Feature.AES));
    assertFalse(CpuModels.find("qemu64").orElseThrow().has(Feature.SSE41));
    for (String name : CpuModels.names()) {
      assertEquals(0, leaf(name, 1)[2] & 0x3000_1000, name + " has no AVX, F16C, FMA");
      assertEquals(0, leaf(name, 7)[1] & 1 << 5, name + " has no AVX2");
    }
  }
}
