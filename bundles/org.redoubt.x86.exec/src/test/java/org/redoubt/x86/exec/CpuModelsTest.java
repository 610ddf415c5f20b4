package org.redoubt.x86.exec;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
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
        List.of(
            "EPYC",
            "EPYC-v1",
            "EPYC-v2",
            "EPYC-IBPB",
            "EPYC-v3",
            "EPYC-Rome",
            "EPYC-Rome-v1",
            "EPYC-Rome-v2",
            "EPYC-Rome-v3",
            "EPYC-Milan",
            "EPYC-Milan-v1",
            "EPYC-Milan-v2",
            "qemu64",
            "qemu64-v1"),
        CpuModels.names());
    assertTrue(CpuModels.find("Z80").isEmpty());
  }

  @Test
  void shouldTakeTheLeavesOfTheModelItIsLike() {
    for (int leaf : new int[] {0, 1, 7, 0xd, 0x8000_0001, 0x8000_0008}) {
      assertArrayEquals(leaf("EPYC", leaf), leaf("EPYC-v1", leaf));
      assertArrayEquals(leaf("EPYC-Rome", leaf), leaf("EPYC-Rome-v1", leaf));
      assertArrayEquals(leaf("EPYC-Milan", leaf), leaf("EPYC-Milan-v1", leaf));
      if (leaf != 0x8000_0008) {
        assertArrayEquals(leaf("EPYC", leaf), leaf("EPYC-IBPB", leaf));
      }
    }
    assertEquals(0x1000, leaf("EPYC-IBPB", 0x8000_0008)[1]);
    assertFalse(CpuModels.find("EPYC").orElseThrow().hasBarrier());
    assertTrue(CpuModels.find("EPYC-v2").orElseThrow().hasBarrier());
  }

  /** Family, model and stepping; and that instructions and CPUID say the same. */
  @ParameterizedTest
  @CsvSource({
    "EPYC,          00800f12, true,  false, false, false, false, AMD EPYC Processor",
    "EPYC-v2,       00800f12, true,  false, false, false, false, AMD EPYC Processor (with IBPB)",
    "EPYC-v3,       00800f12, true,  true,  false, false, false, AMD EPYC Processor",
    "EPYC-Rome,     00830f10, true,  true,  true,  false, false, AMD EPYC-Rome Processor",
    "EPYC-Rome-v2,  00830f10, true,  true,  true,  false, false, AMD EPYC-Rome Processor",
    "EPYC-Rome-v3,  00830f10, true,  false, true,  false, false, AMD EPYC-Rome Processor",
    "EPYC-Milan,    00a00f11, true,  true,  true,  true,  false, AMD EPYC-Milan Processor",
    "EPYC-Milan-v2, 00a00f11, true,  true,  true,  true,  true,  AMD EPYC-Milan Processor",
    "qemu64,        00000f61, false, false, false, false, false, QEMU Virtual CPU version 2.5+"
  })
  void shouldBeWhatQemuSaysItIs(
      String name,
      String signature,
      boolean avx2,
      boolean xsaves,
      boolean clwb,
      boolean invpcid,
      boolean vaes,
      String brand) {
    CpuModel model = CpuModels.find(name).orElseThrow();
    assertEquals(Integer.parseUnsignedInt(signature, 16), leaf(name, 1)[0]);
    assertEquals(Integer.parseUnsignedInt(signature, 16), model.signature());
    for (Feature f : new Feature[] {Feature.AVX, Feature.AVX2, Feature.FMA, Feature.F16C}) {
      assertEquals(avx2, model.has(f), f.name());
    }
    for (Feature f : new Feature[] {Feature.BMI1, Feature.BMI2, Feature.ADX, Feature.SHA}) {
      assertEquals(avx2, model.has(f), f.name());
    }
    assertEquals(xsaves, model.has(Feature.XSAVES));
    assertEquals(clwb, model.has(Feature.CLWB));
    assertEquals(clwb, model.has(Feature.RDPID));
    assertEquals(invpcid, model.has(Feature.INVPCID));
    assertEquals(vaes, model.has(Feature.VAES));
    assertEquals(vaes, model.has(Feature.VPCLMULQDQ));
    StringBuilder text = new StringBuilder();
    for (int leaf = 0x8000_0002; leaf <= 0x8000_0004; leaf++) {
      for (int register : leaf(name, leaf)) {
        for (int i = 0; i < 32; i += 8) {
          text.append((char) (register >>> i & 0xff));
        }
      }
    }
    assertEquals(brand, text.toString().replace("\0", ""));
  }

  /** XSAVE's leaf: the sizes are those of the image. */
  @Test
  void shouldGiveTheSizesOfTheSaveAreaWhereThereIsAvx() {
    for (String name : CpuModels.names()) {
      int[] area = leaf(name, 0xd);
      if (CpuModels.find(name).orElseThrow().has(Feature.AVX)) {
        boolean keys = name.startsWith("EPYC-Milan");
        assertEquals(keys, CpuModels.find(name).orElseThrow().has(Feature.PKU), name);
        assertEquals(keys ? 0x207 : 7, area[0], name);
        assertEquals(StateSave.areaBytes(area[0], false), area[2], name);
        int[] pkru = new int[4];
        CpuModels.find(name).orElseThrow().cpuid(0xd, 9, pkru);
        assertArrayEquals(keys ? new int[] {8, 832, 0, 0} : new int[4], pkru, name);
        int[] ymm = new int[4];
        CpuModels.find(name).orElseThrow().cpuid(0xd, 2, ymm);
        assertArrayEquals(new int[] {256, 576, 0, 0}, ymm, name);
      } else {
        assertEquals(0, area[0], name);
      }
      assertFalse(CpuModels.about(name).isEmpty(), name);
    }
  }
}
