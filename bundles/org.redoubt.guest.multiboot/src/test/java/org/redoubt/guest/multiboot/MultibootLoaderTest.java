package org.redoubt.guest.multiboot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.guest.GuestLoader;
import org.redoubt.api.guest.LaunchPlan;
import org.redoubt.spec.x86.Msr;
import org.redoubt.testkit.guest.GuestLoaderContract;

/** The exam, and what the Multiboot Specification 0.6.96 says. */
class MultibootLoaderTest extends GuestLoaderContract {
  private static final byte[] NONE = new byte[0];

  @Override
  protected GuestLoader loader() {
    return new MultibootLoader();
  }

  @Override
  protected List<byte[]> images() {
    return List.of(SampleImage.withAddresses().array(), SampleImage.asElf().array());
  }

  private LaunchPlan plan(ByteBuffer image, byte[] initrd, boolean sev) throws HypervisorException {
    return loader().plan(request(image.array(), initrd, sev));
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

  private static String text(ByteBuffer page, int at) {
    String all = StandardCharsets.US_ASCII.decode(page.duplicate().position(at)).toString();
    return all.substring(0, all.indexOf('\0'));
  }

  @Test
  void shouldLoadByTheHeadersAddresses() throws HypervisorException {
    LaunchPlan plan = plan(SampleImage.withAddresses(), new byte[10], true);
    assertEquals(
        "0 bios-data 1000, 10000 multiboot-info 1000, 11000 cmdline 1000, 12000 secret 1000, f0000"
            + " rsdp 1000, 100000 kernel 2000, 3fef000 initrd 1000, 3ff0000 acpi 10000",
        plan.regions().stream()
            .map(r -> "%x %s %x".formatted(r.gpa(), r.name(), r.bytes().byteSize()))
            .collect(Collectors.joining(", ")));
    ByteBuffer kernel = region(plan, "kernel");
    assertEquals(SampleImage.MAGIC, kernel.getInt(0x20));
    assertEquals((byte) (0x71F * 3), kernel.get(0x6FF));
    assertEquals(0, kernel.get(0x700));
    assertEquals(0x10_0040, plan.entry().rip);
    assertEquals(new LaunchPlan.SecretArea(0x1_2000, 1024), plan.secret().orElseThrow());
  }

  /** No end of the image is all of the file, no end of zeros is none. */
  @Test
  void shouldLoadAllOfTheFileWhenTheHeaderNamesNoEnd() throws HypervisorException {
    ByteBuffer image = SampleImage.withAddresses();
    image.putInt(SampleImage.HEADER + 20, 0).putInt(SampleImage.HEADER + 24, 0);
    ByteBuffer kernel = region(plan(image, NONE, false), "kernel");
    assertEquals(0x1000, kernel.capacity());
    assertEquals((byte) (0x7FF * 3), kernel.get(0x7DF));
    assertEquals(0, kernel.get(0x7E0));
  }

  @Test
  void shouldEnterAnElfFileWhereItsSegmentIsLoaded() throws HypervisorException {
    LaunchPlan plan = plan(SampleImage.asElf(), NONE, false);
    assertEquals(0x10_0020, plan.entry().rip);
    assertEquals(0x2000, region(plan, "kernel").capacity());
    ByteBuffer physical = SampleImage.asElf().putInt(0x18, 0x10_0020);
    assertEquals(0x10_0020, plan(physical, NONE, false).entry().rip);
  }

  /** Section 3.2. */
  @Test
  void shouldHandTheMachineOverAsSpecified() throws HypervisorException {
    CpuState entry = plan(SampleImage.asElf(), NONE, false).entry();
    assertEquals(0x2BAD_B002L, entry.gpr[0]);
    assertEquals(0x1_0000, entry.gpr[3]);
    assertEquals(0x11, entry.cr0);
    assertEquals(0, entry.msr.get(Msr.EFER));
    assertEquals(0xC9B, entry.attributes[CpuState.CS]);
    for (int i : new int[] {CpuState.DS, CpuState.ES, CpuState.FS, CpuState.GS, CpuState.SS}) {
      assertEquals(0xC93, entry.attributes[i]);
      assertEquals(0, entry.base[i]);
      assertEquals(0xFFFF_FFFFL, entry.limit[i]);
    }
    assertEquals(2, entry.rflags);
  }

  /** SOURCE: section 3.3, the table of offsets. */
  @Test
  void shouldDescribeMachineAndModules() throws HypervisorException {
    LaunchPlan plan = plan(SampleImage.asElf(), new byte[5000], true);
    ByteBuffer info = region(plan, "multiboot-info");
    int base = 0x1_0000;
    assertEquals(0x24D, info.getInt(0));
    assertEquals(639, info.getInt(4));
    assertEquals((64 << 10) - 1024 - 64, info.getInt(8));
    assertEquals(base + 0x1000, info.getInt(16));
    assertEquals("console=ttyS0 quiet", text(region(plan, "cmdline"), 0));
    assertEquals(2, info.getInt(20));
    int modules = info.getInt(24) - base;
    assertEquals(0x3FE_E000, info.getInt(modules));
    assertEquals(0x3FE_E000 + 5000, info.getInt(modules + 4));
    assertEquals("initrd", text(info, info.getInt(modules + 8) - base));
    assertEquals(0x1_2000, info.getInt(modules + 16));
    assertEquals(0x1_2400, info.getInt(modules + 20));
    assertEquals("redoubt-secret", text(info, info.getInt(modules + 24) - base));
    assertEquals(5 * 24, info.getInt(44));
    int map = info.getInt(48) - base;
    for (int i = 0; i < 5; i++) {
      assertEquals(20, info.getInt(map + i * 24));
    }
    assertEquals(0x10_0000, info.getLong(map + 3 * 24 + 4));
    assertEquals(0x3EF_0000, info.getLong(map + 3 * 24 + 12));
    assertEquals(1, info.getInt(map + 3 * 24 + 20));
    assertEquals("Redoubt", text(info, info.getInt(64) - base));
  }

  @Test
  void shouldLeaveTheAcpiRootWhereBiosesDo() throws HypervisorException {
    LaunchPlan plan = plan(SampleImage.asElf(), NONE, false);
    ByteBuffer copy = region(plan, "rsdp");
    ByteBuffer tables = region(plan, "acpi");
    assertEquals("RSD PTR ", StandardCharsets.US_ASCII.decode(copy.slice(0, 8)).toString());
    assertEquals(tables.slice(0, 36), copy.slice(0, 36));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 4, 0x1FE0, 0x1FF4})
  void shouldFindAHeaderInTheFirst8KiB(int at) {
    byte[] file = new byte[0x4000];
    SampleImage.flags(ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN), at, 3);
    assertTrue(loader().accepts(file));
    assertFalse(loader().accepts(Arrays.copyOf(file, at + 11)));
  }

  @Test
  void shouldNotLookForAHeaderElsewhere() {
    for (int at : new int[] {1, 2, 0x1FF8, 0x2000}) {
      byte[] file = new byte[0x4000];
      SampleImage.flags(ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN), at, 3);
      assertFalse(loader().accepts(file), () -> "at " + at);
    }
  }

  @Test
  void shouldTakeTheHeaderWithAGoodChecksum() throws HypervisorException {
    ByteBuffer image = SampleImage.withAddresses().putInt(0, SampleImage.MAGIC);
    assertEquals(0x10_0040, plan(image, NONE, false).entry().rip);
  }

  @ParameterizedTest
  @CsvSource({
    "65539, 8,  00,       'The Multiboot header at 40h has a wrong checksum'",
    "65543, 0,  02,       'The Multiboot image demands a video mode (flags 00010007h)'",
    "65551, 0,  02,       'The Multiboot image demands a video mode'",
    "98307, 0,  02,       'The Multiboot image demands what no specification names: flags"
        + " 00018003h.'",
    "3,     0,  02,       'The kernel is truncated or no ELF file'",
    "65539, 12, 00000f00, 'The Multiboot header at 40h of the file goes to f0000h, but the image to"
        + " 100000h'",
    "65539, 12, 00001100, 'The Multiboot header at 40h of the file goes to 110000h, but the image"
        + " to 100000h'",
    "65539, 20, ffff0f00, 'The Multiboot image is truncated: -1 bytes'",
    "65539, 20, 01081000, 'The Multiboot image is truncated: 2049 bytes are loaded from 20h of the"
        + " file, which has 2048.'",
    "65539, 24, 00061000, 'The Multiboot image ends at 100700h, but its zeros at 100600h, before"
        + " that.'",
    "65539, 24, 00000004, 'The kernel''s segment at 100000h, 66060288 bytes, lies outside of the 64"
        + " MiB of memory'",
    "65539, 28, 00201000, 'The Multiboot image''s entry 102000h lies outside of what is loaded.'"
  })
  void shouldRefuseADamagedImageInOneSentence(int flags, int at, String bytes, String says) {
    ByteBuffer image = SampleImage.withAddresses();
    SampleImage.flags(image, SampleImage.HEADER, flags);
    image.put(SampleImage.HEADER + at, HexFormat.of().parseHex(bytes));
    HypervisorException refusal =
        assertThrows(HypervisorException.class, () -> plan(image, NONE, false));
    assertTrue(String.valueOf(refusal.getMessage()).startsWith(says), refusal.getMessage());
  }
}
