package org.redoubt.linux.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class LinuxImageTest {
  @Test
  void shouldReadEveryFieldOfTheSetupHeader() throws LinuxBootException {
    LinuxImage image = LinuxImage.parse(FakeKernel.file().segment());
    assertEquals("6.1.0-fake (x)", image.version());
    assertEquals(FakeKernel.PREF_ADDRESS, image.prefAddress());
    assertEquals(FakeKernel.PREF_ADDRESS + 0x200, image.entry());
    assertEquals(FakeKernel.INIT_SIZE, image.initSize());
    assertEquals(0x7FFF_FFFFL, image.initrdAddrMax());
    assertEquals(0x7FF, image.cmdlineMax());
    assertEquals(FakeKernel.CODE_BYTES, image.protectedMode().byteSize());
    assertEquals(0x1234_5678, Bytes.u32(image.protectedMode(), 0));
    assertEquals(0x202 + 0x6A - 0x1F1, image.setupHeader().byteSize());
  }

  static Stream<Arguments> foreign() {
    return Stream.of(
        row("an ELF file", b -> b.u32(0, 0x464C_457FL), "ELF"),
        row("no boot flag", b -> b.u16(0x1FE, 0), "HdrS"),
        row("no magic", b -> b.u8(0x202, 'h'), "HdrS"),
        row("an old protocol", b -> b.u16(0x206, 0x20B), "2.11"),
        row("a 32-bit kernel", b -> b.u16(0x236, 0x7E), "no 64-bit entry"),
        row("a zImage", b -> b.u8(0x211, 0), "no 64-bit entry"),
        row(
            "one paragraph too few",
            b -> b.u32(0x1F4, FakeKernel.CODE_BYTES / 16 + 1),
            "truncated"),
        row("4 GiB of paragraphs", b -> b.u32(0x1F4, 0xFFFF_FFFFL), "truncated"),
        row("no code", b -> b.u32(0x1F4, 0), "truncated"),
        row("255 setup sectors", b -> b.u8(0x1F1, 255), "truncated"),
        row("a short header", b -> b.u8(0x201, 0x20), "too early"),
        row("an address of 0", b -> b.u64(0x258, 0), "nothing can be loaded"),
        row(
            "an address in the MMIO hole",
            b -> b.u64(0x258, 0xFEE0_0000L),
            "nothing can be loaded"),
        row("a negative address", b -> b.u64(0x258, -4096), "nothing can be loaded"),
        row("an odd address", b -> b.u64(0x258, 0x100_0001), "nothing can be loaded"));
  }

  private static Arguments row(String what, UnaryOperator<Bytes> change, String says) {
    return Arguments.of(what, change, says);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("foreign")
  void shouldRefuseInOneSentenceWhenTheKernelIsForeign(
      String what, UnaryOperator<Bytes> change, String says) {
    MemorySegment file = change.apply(FakeKernel.file()).segment();
    String message =
        String.valueOf(
            assertThrows(LinuxBootException.class, () -> LinuxImage.parse(file)).getMessage());
    assertTrue(message.contains(says), message);
    assertTrue(message.endsWith(".") && !message.contains("\n"), message);
  }

  @Test
  void shouldRefuseEveryTruncation() {
    MemorySegment file = FakeKernel.file().segment();
    for (long size = 0; size < file.byteSize(); size++) {
      MemorySegment shorter = file.asSlice(0, size);
      assertThrows(LinuxBootException.class, () -> LinuxImage.parse(shorter));
    }
  }

  @Test
  void shouldParseOrRefuseButNeverThrowOtherwiseWhenTheHeaderIsRandom() {
    Random random = new Random(20);
    int parsed = 0;
    for (int round = 0; round < 20_000; round++) {
      Bytes file = FakeKernel.file();
      for (int flips = random.nextInt(1, 6); flips > 0; flips--) {
        file.u8(random.nextInt(0x1F0, 0x268), random.nextInt(256));
      }
      try {
        LinuxImage image = LinuxImage.parse(file.segment());
        LinuxBoot.layout(image, FakeKernel.initrd(100), "", Machine.of(256L << 20, 1), 0);
        parsed++;
      } catch (LinuxBootException e) {
        assertTrue(String.valueOf(e.getMessage()).endsWith("."), e.getMessage());
      }
    }
    assertTrue(parsed > 1000, "only %d of the mutants were legal".formatted(parsed));
  }

  @Test
  void shouldNotChangeWhenItsViewsAreWritten() {
    assertThrows(
        IllegalArgumentException.class,
        () -> FakeKernel.image().protectedMode().set(ValueLayout.JAVA_BYTE, 0, (byte) 1));
  }
}
