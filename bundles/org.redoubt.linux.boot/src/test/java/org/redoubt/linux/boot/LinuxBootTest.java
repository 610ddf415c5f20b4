package org.redoubt.linux.boot;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LinuxBootTest {
  private static final long MIB = 1L << 20;

  private static BootLayout layout(Machine machine, int initrdBytes, int secretBytes)
      throws LinuxBootException {
    return LinuxBoot.layout(
        FakeKernel.image(),
        FakeKernel.initrd(initrdBytes),
        "console=ttyS0 x=1",
        machine,
        secretBytes);
  }

  private static MemorySegment bytes(BootLayout layout, String region) {
    return layout.region(region).orElseThrow().bytes();
  }

  @Test
  void shouldPlaceEveryRegionWhereThePackageSays() throws LinuxBootException {
    BootLayout layout = layout(Machine.of(512 * MIB, 1), 5000, 1024);
    String[] expected = {
      "bios-data 0 1000",
      "boot-params 10000 1000",
      "cmdline 11000 1000",
      "gdt 12000 1000",
      "secret 13000 1000",
      "page-tables 20000 6000",
      "kernel 1000000 2000",
      "initrd 1ffee000 2000",
      "acpi 1fff0000 10000"
    };
    assertArrayEquals(
        expected,
        layout.regions().stream()
            .map(r -> "%s %x %x".formatted(r.name(), r.gpa(), r.size()))
            .toArray());
    assertEquals(0x1F000, layout.bytes());
  }

  @Test
  void shouldEnterAsThe64BitBootProtocolAsks() throws LinuxBootException {
    EntryState entry = layout(Machine.of(512 * MIB, 1), 0, 0).entry();
    assertEquals(
        new EntryState(
            0x100_0200,
            0x1_0000,
            2,
            0x8001_0031L,
            0x2_0000,
            0x20,
            0x500,
            0x1_2000,
            0x1F,
            0x10,
            0x18),
        entry);
  }

  @ParameterizedTest
  @CsvSource({
    "070, 8, 1fff0000", // acpi_rsdp_addr
    "1e8, 1, 5", // e820_entries
    "1ef, 1, 0", // sentinel
    "1fa, 2, ffff", // vid_mode
    "202, 4, 53726448", // HdrS
    "210, 1, ff", // type_of_loader
    "218, 4, 1ffee000", // ramdisk_image
    "21c, 4, 1388", // ramdisk_size: the file's, not the region's
    "228, 4, 11000", // cmd_line_ptr
    "250, 8, 13000", // setup_data
    "258, 8, 1000000", // pref_address, as in the image
    "2d0, 8, 0",
    "2d8, 8, 9fc00",
    "2e0, 4, 1",
    "2f4, 4, 2", // EBDA reserved
    "30c, 8, 100000",
    "314, 8, 1fef0000",
    "320, 8, 1fff0000",
    "328, 8, 10000",
    "330, 4, 3", // ACPI: never 2
    "334, 8, 0"
  })
  void shouldFillBootParams(String offset, int width, String expected) throws LinuxBootException {
    MemorySegment page = bytes(layout(Machine.of(512 * MIB, 1), 5000, 1024), "boot-params");
    long at = Long.parseLong(offset, 16);
    long mask = width == 8 ? -1 : (1L << 8 * width) - 1;
    assertEquals(expected, Long.toHexString(Bytes.u64(page, at) & mask));
  }

  @Test
  void shouldPutTheRestOfMemoryAbove4GiB() throws LinuxBootException {
    BootLayout layout = layout(Machine.of(4096 * MIB, 1), 100, 0);
    List<E820Entry> e820 = layout.e820();
    assertEquals(new E820Entry(1L << 32, 1024 * MIB, E820Entry.Type.RAM), e820.getLast());
    assertEquals(0xBFFF_0000L, layout.rsdp());
    assertEquals(
        0x7FFF_F000L, layout.region("initrd").orElseThrow().gpa(), "initrd_addr_max holds");
    for (int i = 1; i < e820.size(); i++) {
      assertTrue(e820.get(i - 1).end() <= e820.get(i).gpa());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {Machine.NOT_ENCRYPTED, 32, 47, 51})
  void shouldMapOneToOneWithTheEncryptionBitInEveryEntry(int bit) throws LinuxBootException {
    Machine machine = Machine.of(512 * MIB, 1).withEncryptionBit(bit);
    BootLayout layout = layout(machine, 0, 0);
    MemorySegment tables = bytes(layout, "page-tables");
    for (long gva = 0; gva < 1L << 32; gva += 0x1F_F123L) {
      assertEquals(gva, walk(tables, layout.entry().cr3(), gva, machine.encryptionMask()));
    }
  }

  /** APM2 section 5.3.3, for 2 MiB pages. Checks what it walks over. */
  private static long walk(MemorySegment tables, long cr3, long gva, long cMask) {
    long table = cr3;
    for (int level = 3; ; level--) {
      long entry = Bytes.u64(tables, table - cr3 + 8 * (gva >> 12 + 9 * level & 0x1FF));
      assertEquals(3, entry & 3, "present and writable");
      assertEquals(cMask, entry & cMask);
      long gpa = entry & 0x000F_FFFF_FFFF_F000L & ~cMask;
      if (level == 1) {
        assertEquals(0x80, entry & 0x80);
        return (gpa & -0x20_0000L) | (gva & 0x1F_FFFF);
      }
      table = gpa;
    }
  }

  @Test
  void shouldGiveTheDecompressorASaneBiosDataArea() throws LinuxBootException {
    MemorySegment page = bytes(layout(Machine.of(512 * MIB, 1), 0, 0), "bios-data");
    assertEquals(0x9FC0, Bytes.u16(page, 0x40E));
    assertEquals(639, Bytes.u16(page, 0x413));
  }

  @Test
  void shouldOfferABlankMeasuredNodeForTheSecret() throws LinuxBootException {
    BootLayout layout = layout(Machine.of(512 * MIB, 1), 0, 2048);
    MemorySegment node = bytes(layout, "secret");
    assertEquals(0, Bytes.u64(node, 0));
    assertEquals(SetupData.TYPE_SECRET, Bytes.u32(node, 8));
    assertEquals(2048, Bytes.u32(node, 12));
    for (int i = 16; i < 4096; i++) {
      assertEquals(0, Bytes.u8(node, i));
    }
    BootLayout.SecretSlot slot = layout.secretSlot().orElseThrow();
    assertEquals(new BootLayout.SecretSlot(0x1_3010, 2048), slot);
    assertTrue(layout(Machine.of(512 * MIB, 1), 0, 0).secretSlot().isEmpty());
  }

  @Test
  void shouldGiveEqualBytesForEqualArguments() throws LinuxBootException {
    Machine machine =
        Machine.of(512 * MIB, 2)
            .withMmioDevices(List.of(new Machine.MmioDevice(0xD000_0000L, 0x200, 16)));
    BootLayout one = layout(machine, 5000, 1024);
    BootLayout two = layout(machine, 5000, 1024);
    for (int i = 0; i < one.regions().size(); i++) {
      assertEquals(-1, one.regions().get(i).bytes().mismatch(two.regions().get(i).bytes()));
    }
    assertEquals(one.entry(), two.entry());
  }

  @Test
  void shouldGiveReadOnlyRegions() throws LinuxBootException {
    MemorySegment page = bytes(layout(Machine.of(512 * MIB, 1), 0, 0), "gdt");
    assertThrows(
        IllegalArgumentException.class, () -> page.set(ValueLayout.JAVA_BYTE, 0, (byte) 1));
  }

  @ParameterizedTest
  @CsvSource({
    "24, 100, 0, '24 MiB of memory are too little: this kernel needs at least 25 MiB.'",
    "1, 100, 0, '1 MiB of memory are too little'",
    "32, 8323073, 0, 'The initrd has 8323073 bytes, but only 8323072 of 32 MiB'",
    "512, 100, 17, 'A secret slot of 17 bytes'",
    "512, 100, 4096, 'A secret slot of 4096 bytes'"
  })
  void shouldRefuseInOneSentenceWhenItDoesNotFit(int mib, int initrd, int secret, String says) {
    String message =
        String.valueOf(
            assertThrows(
                    LinuxBootException.class,
                    () -> layout(Machine.of(mib * MIB, 1), initrd, secret))
                .getMessage());
    assertTrue(message.startsWith(says), message);
    assertTrue(message.endsWith(".") && !message.contains("\n"), message);
  }

  /**
   * Sizes beyond a Java array, in files that are never read: the header lets an initrd end at 4
   * GiB.
   */
  @Test
  void shouldRefuseWhatNoArrayHolds() throws LinuxBootException {
    MemorySegment huge = MemorySegment.NULL.reinterpret(0x8000_0000L);
    LinuxImage generous = LinuxImage.parse(FakeKernel.file().u32(0x22C, 0xFFFF_FFFFL).segment());
    assertThrows(
        LinuxBootException.class,
        () -> LinuxBoot.layout(generous, huge, "", Machine.of(8192 * MIB, 1), 0));
  }

  @Test
  void shouldTakeTheLargestInitrdThatFits() throws LinuxBootException {
    BootLayout layout = layout(Machine.of(32 * MIB, 1), 8_323_072, 0);
    assertEquals(
        FakeKernel.PREF_ADDRESS + FakeKernel.INIT_SIZE,
        layout.region("initrd").orElseThrow().gpa());
  }

  @Test
  void shouldRefuseACommandLineThatTheKernelCannotTake() throws LinuxBootException {
    Machine machine = Machine.of(512 * MIB, 1);
    MemorySegment none = FakeKernel.initrd(0);
    LinuxBoot.layout(FakeKernel.image(), none, "x".repeat(0x7FF), machine, 0);
    for (String bad : new String[] {"x".repeat(0x800), "a\0b", "a\nb", "\u00e9"}) {
      assertThrows(
          LinuxBootException.class,
          () -> LinuxBoot.layout(FakeKernel.image(), none, bad, machine, 0));
    }
  }
}
