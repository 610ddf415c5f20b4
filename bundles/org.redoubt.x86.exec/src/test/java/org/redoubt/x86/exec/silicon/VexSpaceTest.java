package org.redoubt.x86.exec.silicon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.redoubt.spec.x86.Gpr;
import org.redoubt.spec.x86.Vector;
import org.redoubt.x86.decode.CodeSize;
import org.redoubt.x86.decode.Decoder;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;

/**
 * What VEX encodings exist: every map, opcode, prefix, length, W, register or memory form, with
 * VEX.vvvv in use and not, in 64-bit and 32-bit code. Silicon raises #UD exactly where the decoder
 * knows nothing, but for the extensions that the host has and we do not.
 */
class VexSpaceTest {
  /** Opcodes of extensions later than ours, as map * 100h + opcode. */
  private static final TreeSet<Integer> LATER = later();

  private static TreeSet<Integer> later() {
    TreeSet<Integer> set = new TreeSet<>();
    // AVX-512 mask registers: KAND to KMOV, KORTEST, KTEST.
    range(set, 0x141, 0x14b);
    range(set, 0x190, 0x199);
    range(set, 0x330, 0x333);
    // AVX-VNNI, AVX-IFMA, AVX-NE-CONVERT, GFNI, AMX; SM3, SM4, SHA512.
    range(set, 0x250, 0x253);
    range(set, 0x2b4, 0x2b5);
    range(set, 0x2b0, 0x2b1);
    set.add(0x272);
    set.add(0x2cf);
    set.add(0x3ce);
    set.add(0x3cf);
    range(set, 0x249, 0x24b);
    range(set, 0x25c, 0x25e);
    range(set, 0x2cb, 0x2cd);
    range(set, 0x2d2, 0x2d3);
    set.add(0x2da);
    set.add(0x3de);
    range(set, 0x2e0, 0x2ef);
    return set;
  }

  private static void range(TreeSet<Integer> set, int from, int to) {
    for (int i = from; i <= to; i++) {
      set.add(i);
    }
  }

  /** Would change what the JVM relies on, or end the process. */
  private static boolean dangerous(int map, int opcode) {
    return map == 1 && opcode == 0xae;
  }

  @Test
  void shouldKnowWhatSiliconKnows() {
    HostFeatures features = new HostFeatures();
    Assumptions.assumeTrue(
        HostCpu.applicable() && features.avx() && features.has("avx2", "fma", "f16c", "bmi2"),
        "not applicable: the host is no x86-64 Linux with AVX2");
    List<String> differences = new ArrayList<>();
    Set<String> differing = new HashSet<>(); // one of each opcode is shown
    int asked = 0;
    try (HostCpu host = new HostCpu(true)) {
      Decoder decoder = new Decoder();
      host.fxIn().fill((byte) 0);
      host.ymmIn().fill((byte) 0);
      host.fxIn().set(java.lang.foreign.ValueLayout.JAVA_INT, 24, 0x1f80);
      host.fxIn().set(java.lang.foreign.ValueLayout.JAVA_INT, 0, 0x37f);
      host.setInUse(3);
      for (CodeSize size : new CodeSize[] {CodeSize.BITS64, CodeSize.BITS32}) {
        for (int map = 1; map <= 3; map++) {
          for (int opcode = 0; opcode < 256; opcode++) {
            if (LATER.contains(map << 8 | opcode) || dangerous(map, opcode)) {
              continue;
            }
            for (int rest = 0; rest < 64 * 8; rest++) {
              byte[] bytes = bytes(map, opcode, rest);
              asked++;
              boolean hosts = runs(host, bytes, size);
              Insn in = decoder.decode(bytes, 0, bytes.length, size, 0x1000);
              if (hosts != (in.op != Op.INVALID) && differing.add(size + " " + map + opcode)) {
                differences.add(
                    "%s %s: silicon %s, we %s"
                        .formatted(
                            size,
                            java.util.HexFormat.ofDelimiter(" ").formatHex(bytes),
                            hosts ? "runs it" : "raises #UD",
                            in));
              }
            }
          }
        }
      }
    }
    assertEquals(List.of(), differences);
    assertTrue(asked > 500_000, asked + " encodings");
  }

  /**
   * The three-byte form; {@code rest} has pp, L, W, whether vvvv is 1111, register or memory, and
   * ModRM.reg. Operands are registers 0 to 7, or memory at [RBX + RSI], where RSI is zero and XMM6
   * too: a gather's index, with a SIB byte.
   */
  private static byte[] bytes(int map, int opcode, int rest) {
    int pp = rest & 3;
    int l = rest >> 2 & 1;
    int w = rest >> 3 & 1;
    int v = (rest >> 4 & 1) == 0 ? 15 : 10; // inverted: 0, or register 5
    boolean memory = (rest >> 5 & 1) != 0;
    int reg = rest >> 6;
    byte[] b = new byte[8];
    b[0] = (byte) 0xc4;
    b[1] = (byte) (0xe0 | map);
    b[2] = (byte) (w << 7 | v << 3 | l << 2 | pp);
    b[3] = (byte) opcode;
    if (map == 1 && opcode == 0x77) {
      // VZEROUPPER and VZEROALL have no ModRM byte.
      b[4] = (byte) 0x90;
      b[5] = (byte) 0x90;
    } else if (memory) {
      b[4] = (byte) (reg << 3 | 4);
      b[5] = 0x33;
    } else {
      b[4] = (byte) (0xc0 | reg << 3 | 2);
      b[5] = (byte) 0x90;
    }
    b[6] = (byte) 0x90; // an immediate, or nothing
    b[7] = (byte) 0x90;
    return b;
  }

  private static boolean runs(HostCpu host, byte[] bytes, CodeSize size) {
    for (int r = 0; r < 16; r++) {
      host.setGpr(r, 0);
    }
    host.setGpr(Gpr.RBX, HostCpu.DATA + 0x1000);
    host.setGpr(Gpr.RDI, HostCpu.DATA + 0x1100);
    host.setGpr(Gpr.RSP, HostCpu.DATA + 0x2000);
    host.setFlags(0x202);
    host.code(bytes, size);
    host.run(size);
    return host.trap() != Vector.UD || host.faultRip() != HostCpu.slot(size);
  }
}
