package org.redoubt.linux.boot;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AcpiTablesTest {
  private static final long GPA = 0x1FFF_0000;

  private static AcpiTables tables(int vcpus) {
    return AcpiTables.build(
        GPA,
        Machine.of(512L << 20, vcpus)
            .withMmioDevices(
                List.of(
                    new Machine.MmioDevice(0xD000_0000L, 0x200, 16),
                    new Machine.MmioDevice(0xD000_1000L, 0x200, 17))));
  }

  private static MemorySegment table(AcpiTables tables, long gpa, String signature) {
    MemorySegment from = tables.bytes().asSlice(gpa - GPA);
    assertEquals(
        signature,
        new String(from.asSlice(0, 4).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.US_ASCII));
    MemorySegment table = from.asSlice(0, Bytes.u32(from, 4));
    assertSumsToZero(table);
    return table;
  }

  private static void assertSumsToZero(MemorySegment table) {
    byte sum = 0;
    for (byte b : table.toArray(ValueLayout.JAVA_BYTE)) {
      sum += b;
    }
    assertEquals(0, sum);
  }

  /** Follows the pointers as an operating system does, and checks each table on the way. */
  @Test
  void shouldBeReachableFromTheRootPointer() {
    AcpiTables tables = tables(1);
    MemorySegment rsdp = tables.bytes().asSlice(tables.rsdp() - GPA, 36);
    assertSumsToZero(rsdp.asSlice(0, 20));
    assertSumsToZero(rsdp);
    MemorySegment xsdt = table(tables, Bytes.u64(rsdp, 24), "XSDT");
    assertEquals(36 + 24, xsdt.byteSize());
    MemorySegment fadt = table(tables, Bytes.u64(xsdt, 36), "FACP");
    assertEquals(276, fadt.byteSize());
    table(tables, Bytes.u64(xsdt, 44), "APIC");
    MemorySegment mcfg = table(tables, Bytes.u64(xsdt, 52), "MCFG");
    assertEquals(60, mcfg.byteSize());
    assertEquals(Machine.PCI_ECAM, Bytes.u64(mcfg, 44));
    table(tables, Bytes.u64(fadt, 140), "DSDT");
    assertEquals(Bytes.u64(fadt, 140), Bytes.u32(fadt, 40));
    MemorySegment facs = tables.bytes().asSlice(Bytes.u32(fadt, 36) - GPA, 64);
    assertEquals(0x5343_4146, Bytes.u32(facs, 0));
    assertEquals(0, Bytes.u32(fadt, 36) % 64);
  }

  @Test
  void shouldDescribeFullAcpiHardwareInTheFadt() {
    MemorySegment fadt = tables(1).bytes().asSlice(0x100, 276);
    assertEquals(9, Bytes.u16(fadt, 46));
    assertEquals(0, Bytes.u32(fadt, 48), "no SMI_CMD: ACPI mode is always on");
    assertEquals(0x600, Bytes.u32(fadt, 56));
    assertEquals(0x604, Bytes.u32(fadt, 64));
    assertEquals(0x608, Bytes.u32(fadt, 76));
    assertEquals(0, Bytes.u32(fadt, 112) & 1 << 20, "not hardware-reduced");
    assertEquals(0x600, Bytes.u64(fadt, 152));
    assertEquals(0x604, Bytes.u64(fadt, 176));
    assertEquals(0x608, Bytes.u64(fadt, 212));
    assertEquals(0xCF9, Bytes.u64(fadt, 120));
    assertEquals(6, Bytes.u8(fadt, 128));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 64, Machine.MAX_VCPUS})
  void shouldListEveryProcessorInTheMadt(int vcpus) {
    MemorySegment madt = table(tables(vcpus), GPA + 0x1000, "APIC");
    assertEquals(Machine.LOCAL_APIC, Bytes.u32(madt, 36));
    int processors = 0;
    int ioApics = 0;
    long at = 44;
    while (at < madt.byteSize()) {
      int length = Bytes.u8(madt, at + 1);
      assertTrue(length > 0);
      switch (Bytes.u8(madt, at)) {
        case 0 -> {
          assertEquals(processors, Bytes.u8(madt, at + 3));
          assertEquals(1, Bytes.u32(madt, at + 4));
          processors++;
        }
        case 1 -> {
          assertEquals(Machine.IO_APIC, Bytes.u32(madt, at + 4));
          ioApics++;
        }
        case 2, 4 -> {}
        default -> throw new AssertionError("entry " + Bytes.u8(madt, at));
      }
      at += length;
    }
    assertEquals(madt.byteSize(), at);
    assertEquals(vcpus, processors);
    assertEquals(1, ioApics);
  }

  /** SOURCE: ACPI 6.5 sections 20.2 and 6.4, encoded by hand. */
  @Test
  void shouldEncodeAmlAsTheSpecificationWritesIt() {
    hex("0C 41 D0 05 01", Aml.eisaId("PNP0501"));
    hex("0C 41 D0 0B 00", Aml.eisaId("PNP0B00"));
    hex("00", Aml.integer(0));
    hex("01", Aml.integer(1));
    hex("0A FF", Aml.integer(255));
    hex("0B 00 01", Aml.integer(256));
    hex("0C 00 00 01 00", Aml.integer(65536));
    hex(
        "08 5C 5F 53 35 5F 12 05 02 00 0A 05",
        Aml.name("\\_S5_", Aml.pack(Aml.integer(0), Aml.integer(5))));
    hex("11 0D 0A 0A 47 01 F8 03 F8 03 01 08 79 00", Aml.resources(Aml.io(0x3F8, 8)));
    hex("22 10 00", Aml.irq(4));
    hex("86 09 00 01 00 00 00 D0 00 02 00 00", Aml.memory32(0xD000_0000L, 0x200));
    hex("89 06 00 01 01 10 00 00 00", Aml.levelInterrupt(16));
    hex("88 0D 00 02 0C 00 00 00 00 00 00 00 00 00 01 00", Aml.busNumbers(0, 0));
    hex("88 0D 00 01 0C 03 00 00 00 0D FF FF 00 00 00 F3", Aml.ioWindow(0xD00, 0xFFFF));
    hex(
        "87 17 00 00 0C 01 00 00 00 00 00 00 00 D0 FF FF FF DF 00 00 00 00 00 00 00 10",
        Aml.memoryWindow(0xD000_0000L, 0x1000_0000L));
    hex("0D 4C 4E 00", Aml.string("LN"));
  }

  @Test
  void shouldCountPackageLengthsInOneTwoAndThreeBytes() {
    assertEquals(0x3F, Byte.toUnsignedInt(scopeOf(62 - 5)[1]));
    assertArrayEquals(new byte[] {0x41, 0x04}, java.util.Arrays.copyOfRange(scopeOf(63 - 5), 1, 3));
    assertArrayEquals(
        new byte[] {(byte) 0x83, 0x00, 0x01},
        java.util.Arrays.copyOfRange(scopeOf(0x1000 - 5), 1, 4));
  }

  private static byte[] scopeOf(int bytes) {
    return Aml.scope("\\_SB_", new byte[bytes]);
  }

  private static void hex(String expected, byte[] actual) {
    assertEquals(expected, HexFormat.ofDelimiter(" ").withUpperCase().formatHex(actual));
  }
}
