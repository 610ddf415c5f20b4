package org.redoubt.x86.exec.silicon;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.HexFormat;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.redoubt.spec.x86.Cr0;
import org.redoubt.spec.x86.Cr4;
import org.redoubt.spec.x86.Vector;
import org.redoubt.x86.decode.CodeSize;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.exec.Fpu;
import org.redoubt.x86.exec.StateSave;

/**
 * What the comparison with silicon cannot reach: a process cannot set control registers or unmap
 * operands at will.
 */
class FpuFaultTest {
  private static final int NO_TRAP = GuestSide.NO_TRAP;
  private static final String FADD = "d8c1";
  private static final String FNSTSW = "dfe0";
  private static final String FWAIT = "9b";
  private static final String PADDB_MMX = "0ffcc1";
  private static final String PADDB_XMM = "660ffcc1";
  private static final String ADDPS = "0f58c1";
  private static final String DIVSS = "f30f5ec1";
  private static final String VADDPS = "c5f458c1"; // ymm0, ymm1, ymm1
  private static final String VLDMXCSR = "c5f8ae10"; // [rax]
  private static final String VZEROUPPER = "c5f877";
  private static final String VADDPS_RAX = "c5f45800"; // ymm0, ymm1, [rax]
  private static final String VMOVUPS_TO_RAX = "c5fc1100"; // [rax], ymm0
  private static final String LDMXCSR = "0fae10"; // [rax]
  private static final String FXSAVE = "0fae00";
  private static final String XSAVE = "0fae20";
  private static final String FSTP_RAX = "d918";
  private static final String ADDPS_RAX = "0f5800";
  private static final long UNMAPPED = 0x5000_0000L;

  private final GuestSide guest = new GuestSide();

  @AfterEach
  void close() {
    guest.close();
  }

  private int run(String hex) {
    byte[] bytes = HexFormat.of().parseHex(hex);
    Insn in = guest.decode(bytes, CodeSize.BITS64);
    assertEquals(bytes.length, in.length, hex);
    guest.run(in);
    return guest.trap();
  }

  private record Availability(String code, long cr0Set, long cr4Clear, int vector) {}

  @Test
  void shouldBeAvailableAsControlRegistersSay() {
    Availability[] rows = {
      // APM1 6.1, 5.4, 4.4; APM2 table 8-1 for the vectors.
      new Availability(FADD, Cr0.TS, 0, Vector.NM),
      new Availability(FADD, Cr0.EM, 0, Vector.NM),
      new Availability(FADD, 0, Cr4.OSFXSR, NO_TRAP),
      new Availability(FNSTSW, Cr0.TS, 0, Vector.NM),
      new Availability(FWAIT, Cr0.TS, 0, Vector.NM),
      new Availability(FWAIT, Cr0.EM, 0, NO_TRAP),
      new Availability(PADDB_MMX, Cr0.TS, 0, Vector.NM),
      new Availability(PADDB_MMX, Cr0.EM, 0, Vector.UD),
      new Availability(PADDB_MMX, 0, Cr4.OSFXSR, NO_TRAP),
      new Availability(PADDB_XMM, Cr0.TS, 0, Vector.NM),
      new Availability(PADDB_XMM, Cr0.EM, 0, Vector.UD),
      new Availability(PADDB_XMM, 0, Cr4.OSFXSR, Vector.UD),
      new Availability(ADDPS, Cr0.TS, 0, Vector.NM),
      new Availability(ADDPS, Cr0.EM | Cr0.TS, 0, Vector.UD),
      // APM2 11.3: AVX asks for OSXSAVE and XCR0, and for nothing else of these.
      new Availability(VADDPS, Cr0.TS, 0, Vector.NM),
      new Availability(VADDPS, Cr0.EM, 0, NO_TRAP),
      new Availability(VADDPS, 0, Cr4.OSFXSR, NO_TRAP),
      new Availability(VADDPS, 0, Cr4.OSXSAVE, Vector.UD),
      new Availability(VADDPS, Cr0.TS, Cr4.OSXSAVE, Vector.UD),
      new Availability(VLDMXCSR, Cr0.TS, 0, Vector.NM),
      new Availability(VLDMXCSR, 0, Cr4.OSXSAVE, Vector.UD),
      new Availability(VZEROUPPER, Cr0.TS, 0, Vector.NM),
      new Availability(VZEROUPPER, 0, Cr4.OSXSAVE, Vector.UD),
      new Availability(LDMXCSR, Cr0.TS, 0, Vector.NM),
      new Availability(LDMXCSR, 0, Cr4.OSFXSR, Vector.UD),
      new Availability(FXSAVE, Cr0.TS, 0, Vector.NM),
      new Availability(XSAVE, Cr0.TS, 0, Vector.NM),
      new Availability(XSAVE, 0, Cr4.OSXSAVE, Vector.UD),
    };
    guest.cpu.fpu.init();
    long cr0 = guest.cpu.cr0;
    long cr4 = guest.cpu.cr4;
    for (Availability row : rows) {
      guest.cpu.cr0 = cr0 | row.cr0Set;
      guest.cpu.cr4 = cr4 & ~row.cr4Clear;
      guest.cpu.r[0] = HostCpu.DATA;
      assertEquals(row.vector, run(row.code), row.toString());
    }
  }

  @Test
  void shouldNotRaiseNmForFwaitWhenOnlyTaskSwitchedIsSet() {
    guest.cpu.cr0 = (guest.cpu.cr0 & ~Cr0.MP) | Cr0.TS;
    assertEquals(NO_TRAP, run(FWAIT));
  }

  @Test
  void shouldRaiseMfForAPendingExceptionBeforeTheNextWaitingInstruction() {
    Fpu f = guest.cpu.fpu;
    f.control = 0x37e;
    f.setStatusWord(1);
    assertEquals(0x8081, f.statusWord());
    assertEquals(NO_TRAP, run(FNSTSW));
    assertEquals(0x8081, guest.cpu.r[0] & 0xffff);
    assertEquals(Vector.MF, run(FADD));
    assertEquals(Vector.MF, run(FWAIT));
    assertEquals(Vector.MF, run(PADDB_MMX));
    assertEquals(NO_TRAP, run(PADDB_XMM));
    guest.cpu.cr0 &= ~Cr0.NE;
    assertEquals(NO_TRAP, run(FWAIT));
  }

  @Test
  void shouldRaiseXfOrUdForAnUnmaskedSimdException() {
    Fpu f = guest.cpu.fpu;
    f.setMxcsr(0x1f80 & ~0x200);
    f.xmm[0] = 0x3f80_0000;
    f.xmm[2] = 0;
    assertEquals(Vector.XF, run(DIVSS));
    assertEquals(0x3f80_0000, f.xmm[0]);
    assertEquals(0x1d84, f.mxcsr());
    guest.cpu.cr4 &= ~Cr4.OSXMMEXCPT;
    assertEquals(Vector.UD, run(DIVSS));
  }

  @Test
  void shouldLeaveTheStackAloneWhenAStoreFaults() {
    Fpu f = guest.cpu.fpu;
    f.tags = 0xff;
    f.setStatusWord(3 << 11);
    f.significand[3] = 0xc000_0000_0000_0001L;
    f.signExponent[3] = 0x3fff;
    guest.cpu.r[0] = UNMAPPED;
    assertEquals(Vector.PF, run(FSTP_RAX));
    assertEquals(UNMAPPED, guest.cpu.fault.faultAddress());
    assertEquals(3 << 11, f.statusWord());
    assertEquals(0xff, f.tags);
  }

  @Test
  void shouldCheckTheAlignmentOfSixteenBytesBeforeThePage() {
    guest.cpu.r[0] = UNMAPPED + 8;
    assertEquals(Vector.GP, run(ADDPS_RAX));
    guest.cpu.fpu.setMxcsr(0x2_1f80);
    assertEquals(Vector.PF, run(ADDPS_RAX));
  }

  @Test
  void shouldRefuseVexUnlessXcr0HasSseAndAvx() {
    for (int xcr0 = 1; xcr0 < 8; xcr0 += 2) {
      guest.cpu.xcr0 = xcr0;
      assertEquals(xcr0 == 7 ? NO_TRAP : Vector.UD, run(VADDPS), "XCR0 " + xcr0);
    }
  }

  /** A process cannot go there: there are no VEX encodings in real and virtual-8086 mode. */
  @Test
  void shouldRefuseVexInRealMode() {
    guest.mode(CodeSize.BITS16);
    byte[] bytes = HexFormat.of().parseHex(VADDPS);
    Insn in = guest.decode(bytes, CodeSize.BITS16);
    guest.run(in);
    assertEquals(NO_TRAP, guest.trap());
    guest.cpu.cr0 &= ~Cr0.PE;
    guest.run(in);
    assertEquals(Vector.UD, guest.trap());
  }

  /** The operand's upper half is not there: nothing of the lower half shows. */
  @Test
  void shouldChangeNothingWhenTheSecondLaneFaults() {
    guest.cpu.fpu.setMxcsr(0x1f80);
    guest.cpu.r[0] = HostCpu.DATA + HostCpu.DATA_BYTES - 16;
    for (int i = 0; i < 2; i++) {
      guest.cpu.fpu.xmm[i] = 7;
      guest.cpu.fpu.ymm[i] = 8;
      guest.cpu.fpu.xmm[2 + i] = 0x3f80_0000_3f80_0000L;
    }
    long last = HostCpu.DATA_BYTES - 16L;
    guest.data().set(java.lang.foreign.ValueLayout.JAVA_LONG, last, 0x3eaa_aaab);
    assertEquals(Vector.PF, run(VADDPS_RAX));
    assertEquals(Vector.PF, run(VMOVUPS_TO_RAX));
    for (int i = 0; i < 2; i++) {
      assertEquals(7, guest.cpu.fpu.xmm[i]);
      assertEquals(8, guest.cpu.fpu.ymm[i]);
    }
    assertEquals(0x1f80, guest.cpu.fpu.mxcsr());
    assertEquals(0x3eaa_aaabL, guest.data().get(java.lang.foreign.ValueLayout.JAVA_LONG, last));
    // The next one starts with lane 0 again, and legacy SSE sees no lane at all.
    guest.cpu.r[0] -= 16;
    assertEquals(NO_TRAP, run(VADDPS_RAX));
    guest.cpu.fpu.ymm[0] = 8;
    assertEquals(NO_TRAP, run(PADDB_XMM));
    assertEquals(8, guest.cpu.fpu.ymm[0]);
  }

  @Test
  void shouldRefuseEachReservedBitOfMxcsr() {
    guest.cpu.r[0] = HostCpu.DATA;
    for (int bit = 0; bit < 32; bit++) {
      int value = 1 << bit;
      guest.data().set(java.lang.foreign.ValueLayout.JAVA_INT, 0, value);
      boolean defined = bit < 16 || bit == 17;
      assertEquals(defined ? NO_TRAP : Vector.GP, run(LDMXCSR), "bit " + bit);
      byte[] image = new byte[StateSave.BYTES];
      image[24 + bit / 8] = (byte) (1 << bit % 8);
      image[512] = 3;
      if (defined) {
        StateSave.importFrom(guest.cpu, image);
        assertEquals(value, guest.cpu.fpu.mxcsr());
      } else {
        assertThrows(IllegalArgumentException.class, () -> StateSave.importFrom(guest.cpu, image));
      }
    }
  }

  @Test
  void shouldExportWhatItImported() {
    Values v = new Values(1);
    byte[] image = new byte[StateSave.BYTES];
    for (int i = 0; i < 416; i++) {
      image[i] = (byte) v.next();
    }
    // Bytes that have no state: bits of the control word, TOP's neighbours, reserved bytes.
    image[0] = 0x7f;
    image[1] = 0x03;
    image[2] = 0;
    image[3] = 0x38;
    image[5] = 0;
    image[7] &= 7;
    image[14] = 0;
    image[15] = 0;
    image[22] = 0;
    image[23] = 0;
    image[24] = (byte) 0x80;
    image[25] = 0x1f;
    image[26] = 0;
    image[27] = 0;
    image[28] = (byte) 0xff;
    image[29] = (byte) 0xff;
    image[30] = 2;
    image[31] = 0;
    for (int st = 0; st < 8; st++) {
      for (int i = 10; i < 16; i++) {
        image[32 + 16 * st + i] = 0;
      }
    }
    image[512] = 7;
    image[513] = 2;
    for (int i = 576; i < StateSave.BYTES - 4; i++) { // PKRU has 32 bits
      image[i] = (byte) v.next();
    }
    StateSave.importFrom(guest.cpu, image);
    byte[] exported = new byte[StateSave.BYTES];
    StateSave.exportTo(guest.cpu, exported);
    assertArrayEquals(image, exported);
  }
}
