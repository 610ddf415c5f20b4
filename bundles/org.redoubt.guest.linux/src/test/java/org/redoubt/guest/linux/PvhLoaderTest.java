package org.redoubt.guest.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.guest.GuestLoader;
import org.redoubt.api.guest.LaunchPlan;
import org.redoubt.spec.x86.Msr;
import org.redoubt.testkit.guest.GuestLoaderContract;

/** The exam, and what Xen's pvh.pandoc says of the entry. */
class PvhLoaderTest extends GuestLoaderContract {
  @Override
  protected GuestLoader loader() {
    return new PvhLoader();
  }

  @Override
  protected List<byte[]> images() {
    return List.of(SampleElf.bytes());
  }

  @Override
  protected boolean supportsSev() {
    return false;
  }

  private LaunchPlan plan(byte[] image, byte[] initrd) throws HypervisorException {
    return loader().plan(request(image, initrd, false));
  }

  private static ByteBuffer region(LaunchPlan plan, String name) {
    return ByteBuffer.wrap(
            plan.regions().stream()
                .filter(r -> r.name().equals(name))
                .findFirst()
                .orElseThrow()
                .bytes()
                .toArray(ValueLayout.JAVA_BYTE))
        .order(ByteOrder.LITTLE_ENDIAN);
  }

  @Test
  void shouldEnterIn32BitModeWithPagingOff() throws HypervisorException {
    CpuState entry = plan(SampleElf.bytes(), new byte[0]).entry();
    assertEquals(SampleElf.ENTRY, entry.rip);
    assertEquals(0x1_0000, entry.gpr[3], "EBX");
    assertEquals(0x11, entry.cr0);
    assertEquals(0, entry.cr4);
    assertEquals(0, entry.msr.get(Msr.EFER));
    assertEquals(0xC9B, entry.attributes[CpuState.CS]);
    assertEquals(0xC93, entry.attributes[CpuState.DS]);
    assertEquals(0x67, entry.limit[CpuState.TR]);
    assertEquals(0x08B, entry.attributes[CpuState.TR]);
  }

  @Test
  void shouldPutSegmentsThatShareAPageIntoOneRegion() throws HypervisorException {
    LaunchPlan plan = plan(SampleElf.bytes(), new byte[0]);
    assertEquals(
        "0 bios-data 1000, 10000 start-info 1000, 11000 cmdline 1000, 1000000 kernel 1000, 1001000"
            + " kernel-2 5000, 3ff0000 acpi 10000",
        plan.regions().stream()
            .map(r -> "%x %s %x".formatted(r.gpa(), r.name(), r.bytes().byteSize()))
            .collect(Collectors.joining(", ")));
    ByteBuffer data = region(plan, "kernel-2");
    assertEquals(0, data.get(0x7FF));
    assertEquals(1, data.get(0x800));
    assertEquals((byte) (0x5FF * 5 + 1), data.get(0x800 + 0x5FF));
    assertEquals(0, data.get(0x800 + 0x600));
    byte[] close = SampleElf.buffer().putLong(SampleElf.DATA_HEADER + 24, 0x100_0FFF + 1).array();
    assertEquals(6, plan(close, new byte[0]).regions().size());
    byte[] shared =
        SampleElf.buffer()
            .putLong(SampleElf.CODE_HEADER + 32, 0x800)
            .putLong(SampleElf.CODE_HEADER + 40, 0x800)
            .putLong(SampleElf.DATA_HEADER + 24, 0x100_0800)
            .array();
    assertEquals(5, plan(shared, new byte[0]).regions().size());
    assertEquals(1, region(plan(shared, new byte[0]), "kernel").get(0x800));
  }

  /** SOURCE: Xen, public/arch-x86/hvm/start_info.h, offsets in its comment. */
  @Test
  void shouldTellTheKernelWhereEverythingIs() throws HypervisorException {
    ByteBuffer info = region(plan(SampleElf.bytes(), new byte[5000]), "start-info");
    assertEquals(0x336E_C578, info.getInt(0));
    assertEquals(1, info.getInt(4));
    assertEquals(0, info.getInt(8));
    assertEquals(1, info.getInt(12));
    int modules = (int) info.getLong(16) - 0x1_0000;
    assertEquals(0x3FE_E000, info.getLong(modules));
    assertEquals(5000, info.getLong(modules + 8));
    assertEquals(0x1_1000, info.getLong(24));
    assertEquals(0x3FF_0000, info.getLong(32));
    assertEquals(5, info.getInt(48));
    int map = (int) info.getLong(40) - 0x1_0000;
    assertEquals(0x10_0000, info.getLong(map + 3 * 24));
    assertEquals(0x3EF_0000, info.getLong(map + 3 * 24 + 8));
    assertEquals(1, info.getInt(map + 3 * 24 + 16));
    assertEquals(3, info.getInt(map + 4 * 24 + 16));
    ByteBuffer line = region(plan(SampleElf.bytes(), new byte[0]), "cmdline");
    assertTrue(
        StandardCharsets.US_ASCII.decode(line).toString().startsWith("console=ttyS0 quiet\0"));
    assertEquals(0, region(plan(SampleElf.bytes(), new byte[0]), "start-info").getInt(12));
  }

  @Test
  void shouldGiveWayToAKernelInLowMemory() throws HypervisorException {
    byte[] low = SampleElf.buffer().putLong(SampleElf.DATA_HEADER + 24, 0x1_0800).array();
    CpuState entry = plan(low, new byte[0]).entry();
    assertEquals(0x1_5000, entry.gpr[3]);
  }

  @ParameterizedTest
  @CsvSource({
    "0,    00464c46, 'The kernel is truncated or no ELF file'",
    "4,    01,       'The kernel is an ELF file for another machine: class 1, data 1, machine 62;'",
    "5,    02,       'The kernel is an ELF file for another machine: class 2, data 2, machine 62;'",
    "18,   b700,     'The kernel is an ELF file for another machine: class 2, data 1, machine"
        + " 183;'",
    "16,   0100,     'The kernel is an ELF file of type 1, not an executable.'",
    "32,   ff2f,     'The kernel is truncated: its 3 program headers at 2fffh lie beyond its 12288"
        + " bytes.'",
    "56,   ffff,     'The kernel''s ELF file has 65535 program headers of 56 bytes each.'",
    "56,   0000,     'The kernel is an ELF file without a PVH entry (note Xen, type 18)'",
    "10268, 13,      'The kernel is an ELF file without a PVH entry (note Xen, type 18)'",
    "10276, 00000002, 'The kernel''s PVH entry 2000000h lies outside of its segments.'",
    "96,   0130,     'The kernel is truncated: a segment has 12289 bytes at 1000h of the file'",
    "104,  ff0f,     'The kernel''s segment at 1000000h has 4096 bytes in the file and 4095 in"
        + " memory.'",
    "88,   00000a00, 'The kernel''s segment at a0000h, 4096 bytes, lies outside of the 64 MiB of"
        + " memory'",
    "88,   00000004, 'The kernel''s segment at 4000000h, 4096 bytes, lies outside of the 64 MiB of"
        + " memory'",
    "88,   00000000, 'The kernel''s segment at 0h, 4096 bytes, lies outside of the 64 MiB of"
        + " memory'",
    "144,  ff0f0001, 'The kernel''s segments at 1000000h and 1000fffh overlap.'",
    "160,  000000000001, 'The kernel''s segment at 1001800h, 1099511627776 bytes, lies outside of'"
  })
  void shouldRefuseADamagedKernelInOneSentence(int at, String bytes, String says) {
    byte[] image = SampleElf.buffer().put(at, HexFormat.of().parseHex(bytes)).array();
    HypervisorException refusal =
        assertThrows(HypervisorException.class, () -> plan(image, new byte[0]));
    assertTrue(String.valueOf(refusal.getMessage()).startsWith(says), refusal.getMessage());
  }

  @Test
  void shouldSayWhatASevGuestNeeds() {
    HypervisorException refusal =
        assertThrows(
            HypervisorException.class,
            () -> loader().plan(request(SampleElf.bytes(), new byte[0], true)));
    assertTrue(String.valueOf(refusal.getMessage()).contains("give the bzImage"));
  }

  /** A file of 12 KiB that asks for 4 GiB of zeros, where there is as much memory. */
  @Test
  void shouldNotTakeAGiantsMemoryForASmallFile() {
    byte[] image = SampleElf.buffer().putLong(SampleElf.DATA_HEADER + 40, 300L << 20).array();
    HypervisorException refusal =
        assertThrows(
            HypervisorException.class,
            () ->
                loader()
                    .plan(
                        new org.redoubt.api.guest.LaunchRequest(
                            MemorySegment.ofArray(image),
                            java.util.Optional.empty(),
                            "",
                            1L << 30,
                            1,
                            0,
                            0)));
    assertEquals("The kernel wants more than 256 MiB of zeros.", refusal.getMessage());
  }
}
