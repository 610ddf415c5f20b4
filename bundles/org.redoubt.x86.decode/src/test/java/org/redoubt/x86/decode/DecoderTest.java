package org.redoubt.x86.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.EnumSet;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class DecoderTest {
  private static Insn decode(int bits, String hex) {
    byte[] bytes = HexFormat.of().parseHex(hex.replace(" ", ""));
    CodeSize size = bits == 16 ? CodeSize.BITS16 : bits == 32 ? CodeSize.BITS32 : CodeSize.BITS64;
    return new Decoder().decode(bytes, 0, bytes.length, size, 0x1000);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "64 | 48 31 c0             | XOR r0:64, r0:64",
        "64 | 31 c0                | XOR r0:32, r0:32",
        "64 | 66 31 c0             | XOR r0:16, r0:16",
        "64 | 30 e0                | XOR r0:8, h0",
        "64 | 40 30 e0             | XOR r0:8, r4:8",
        "64 | 4d 8b 64 ce f8       | MOV r12:64, [r14+r1*8+fffffffffffffff8]:64",
        "64 | 48 8b 05 10 00 00 00 | MOV r0:64, [1017]:64",
        "64 | 67 8b 05 f0 ff ff ff | MOV r0:32, [ff7]:32",
        "64 | c7 05 00 00 00 00 01 00 00 00 | MOV [100a]:32, 0x1",
        "64 | 65 48 8b 04 25 28 00 00 00    | MOV r0:64, [seg5:28]:64",
        "64 | 64 2e 8b 00          | MOV r0:32, [seg4:r0+0]:32",
        "64 | 8b 45 fc             | MOV r0:32, [seg2:r5+fffffffffffffffc]:32",
        "64 | 8b 04 24             | MOV r0:32, [seg2:r4+0]:32",
        "64 | 41 8b 45 00          | MOV r0:32, [r13+0]:32",
        "64 | 41 8b 04 24          | MOV r0:32, [r12+0]:32",
        "64 | 50                   | PUSH r0:64",
        "64 | 66 50                | PUSH r0:16",
        "64 | 41 57                | PUSH r15:64",
        "64 | 6a ff                | PUSH 0xffffffffffffffff",
        "64 | e8 fb ff ff ff       | CALL ->0x1000",
        "64 | eb fe                | JMP ->0x1000",
        "64 | 0f 84 fa ff ff ff    | JCC.4 ->0x1000",
        "64 | 90                   | NOP",
        "64 | 49 90                | XCHG r0:64, r8:64",
        "64 | f3 90                | rep PAUSE",
        "64 | 48 b8 88 77 66 55 44 33 22 11 | MOV r0:64, 0x1122334455667788",
        "64 | 48 c7 c0 ff ff ff ff | MOV r0:64, 0xffffffffffffffff",
        "64 | 48 63 c1             | MOVSX r0:64, r1:32",
        "32 | 63 c1                | ARPL r1:16, r0:16",
        "64 | 0f b6 c4             | MOVZX r0:32, h0",
        "64 | f3 48 a5             | rep MOVS [0]:64, [0]:64",
        "64 | f0 0f b1 0f          | lock CMPXCHG [r7+0]:32, r1:32",
        "64 | f0 31 c0             | INVALID",
        "64 | 06                   | INVALID",
        "32 | 06                   | PUSH_SREG seg0",
        "64 | 0f 20 c0             | MOV_FROM_CR r0:64, cr0",
        "64 | 44 0f 20 c0          | MOV_FROM_CR r0:64, cr8",
        "64 | 0f 20 c8             | INVALID",
        "64 | f3 0f 10 01          | rep MOVSS xmm0:32, [r1+0]:32",
        "64 | f2 0f 10 c1          | repne MOVSD xmm0:64, xmm1:64",
        "64 | 66 0f 6f c1          | MOVDQA xmm0:128, xmm1:128",
        "64 | 0f 6f c1             | MOVQ mm0, mm1",
        "64 | 66 44 0f 38 de c1    | AESDEC xmm8:128, xmm1:128",
        "64 | f2 48 0f 38 f1 c1    | repne CRC32 r0:64, r1:64",
        "64 | 66 f2 0f 38 f1 c1    | repne CRC32 r0:32, r1:16",
        "64 | f3 0f b8 c1          | rep POPCNT r0:32, r1:32",
        "64 | c4 e2 70 f2 c2       | ANDN r0:32, r1:32, r2:32",
        "64 | c4 e2 f1 f7 c2       | SHLX r0:64, r2:64, r1:64",
        "64 | c4 e3 7b f0 c2 05    | RORX r0:32, r2:32, 0x5",
        "64 | c5 f8 77             | VZEROUPPER",
        "64 | c5 fc 77             | VZEROALL",
        "64 | c5 f0 77             | INVALID",
        "64 | c5 ec 58 d9          | VADDPS ymm3, ymm2, ymm1",
        "64 | c5 ea 58 d9          | VADDSS xmm3:32, xmm2:32, xmm1:32",
        "64 | c5 ee 58 d9          | VADDSS xmm3:32, xmm2:32, xmm1:32",
        "64 | c4 c1 6d fe 08       | VPADDD ymm1, ymm2, [r8+0]:256",
        "64 | c5 fc 10 08          | VMOVUPS ymm1, [r0+0]:256",
        "64 | c5 ec 10 08          | INVALID",
        "64 | f0 c5 fc 10 08       | INVALID",
        "64 | 66 c5 fc 10 08       | INVALID",
        "64 | f2 c5 fc 10 08       | INVALID",
        "64 | f3 c5 fc 10 08       | INVALID",
        "64 | 48 c5 fc 10 08       | INVALID",
        "64 | 2e c5 fc 10 08       | VMOVUPS ymm1, [r0+0]:256",
        "64 | c5 fd 6e c8          | INVALID",
        "64 | c4 e1 f9 6e c8       | VMOVD xmm1:128, r0:64",
        "64 | c4 e3 71 4a c2 30    | VBLENDVPS xmm0:128, xmm1:128, xmm2:128, xmm3:128",
        "64 | c4 e2 e9 98 c1       | VFMADD132PD xmm0:128, xmm2:128, xmm1:128",
        "32 | c4 e2 e9 98 c1       | VFMADD132PD xmm0:128, xmm2:128, xmm1:128",
        "64 | c4 e3 fd 00 c1 1b    | VPERMQ ymm0, ymm1, 0x1b",
        "64 | c4 e3 7d 00 c1 1b    | VPERMQ ymm0, ymm1, 0x1b",
        "64 | c4 e3 f9 00 c1 1b    | INVALID",
        "64 | c4 e2 6d 90 04 8b    | VPGATHERDD ymm0, [r3+0]:32, ymm2, ymm1",
        "64 | c4 e2 6d 90 04 a3    | VPGATHERDD ymm0, [r3+0]:32, ymm2, ymm4",
        "64 | c4 e2 6d 90 03       | INVALID",
        "64 | c4 e2 7d 90 04 8b    | INVALID",
        "64 | c4 e2 75 90 04 8b    | INVALID",
        "32 | c5 ec 58 d9          | VADDPS ymm3, ymm2, ymm1",
        "64 | d8 c1                | FADD st0, st1",
        "64 | dc e1                | FSUBR st1, st0",
        "64 | db 28                | FLD [r0+0]:80",
        "64 | df e0                | FNSTSW r0:16",
        "32 | c4 00                | LES r0:32, [r0+0]:32",
        "16 | 8b 46 02             | MOV r0:16, [seg2:r5+2]:16",
        "16 | 66 8b 42 fe          | MOV r0:32, [seg2:r5+r6*1+fffffffffffffffe]:32",
        "16 | ea 00 7c 34 12       | JMP_FAR 1234:7c00",
        "16 | 66 ea 78 56 34 12 10 00 | JMP_FAR 10:12345678",
        "64 | ff 25 00 00 00 00    | JMP [1006]:64",
        "64 | 0f 01 d0             | XGETBV",
        "64 | 0f 01 f8             | SWAPGS",
        "64 | 0f ae e8             | LFENCE",
        "64 | 0f ae 20             | XSAVE [r0+0]:0",
        "64 | 48 0f c7 0f          | CMPXCHG16B [r7+0]:128",
        "64 | 0f ff                | INVALID",
        "64 | 40 48 31 c0          | XOR r0:64, r0:64",
        "64 | 48 66 31 c0          | XOR r0:16, r0:16"
      })
  void shouldDecode(int bits, String hex, String text) {
    Insn in = decode(bits, hex);
    assertEquals(text, in.toString());
    if (in.op != Op.INVALID) {
      assertEquals(hex.replace(" ", "").length() / 2, in.length);
    }
  }

  @Test
  void shouldSayTruncatedWhenBytesAreMissing() {
    byte[] bytes = HexFormat.of().parseHex("48b81122334455667788");
    Decoder d = new Decoder();
    for (int n = 0; n < bytes.length; n++) {
      d.decode(bytes, 0, n, CodeSize.BITS64, 0);
      assertTrue(d.truncated(), n + " bytes");
    }
    assertEquals(Op.MOV, d.decode(bytes, 0, bytes.length, CodeSize.BITS64, 0).op);
    assertFalse(d.truncated());
  }

  @Test
  void shouldRefuseWhenLongerThanFifteenBytes() {
    Insn in = decode(64, "66".repeat(14) + "31c0");
    assertEquals(Op.INVALID, in.op);
    assertTrue(in.length > Decoder.MAX_LENGTH);
    assertEquals(Op.XOR, decode(64, "66".repeat(13) + "31c0").op);
  }

  @Test
  void shouldHaveARowForEveryOperation() {
    EnumSet<Op> found = EnumSet.of(Op.INVALID);
    for (OpcodeMap map : new OpcodeMap[] {PrimaryMap.MAP, SecondaryMap.MAP, Map38.MAP, Map3A.MAP}) {
      for (int i = 0; i < 256; i++) {
        for (Row r : map.rows(i)) {
          found.add(r.op);
        }
      }
    }
    assertEquals(EnumSet.complementOf(found), EnumSet.noneOf(Op.class));
  }

  @Test
  void shouldSurviveAnyBytes() {
    java.util.Random random = new java.util.Random(1);
    byte[] bytes = new byte[16];
    Decoder d = new Decoder();
    for (int i = 0; i < 300_000; i++) {
      random.nextBytes(bytes);
      Insn in = d.decode(bytes, 0, 16, CodeSize.values()[i % 3], 0x1000);
      assertTrue(in.length >= 1 && in.length <= 16);
    }
  }
}
