package org.redoubt.linux.boot;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * The guest's ACPI tables, in one block: RSDP, XSDT, FADT, FACS, MADT, MCFG, DSDT. ACPI 6.5 section
 * 5.2.
 *
 * <p>Full ACPI hardware, not the reduced model: Debian's cloud kernels then drive PIC, PIT and PM
 * timer the way they do on every PC, and power off through PM1_CNT. There is no SMI_CMD, so ACPI
 * mode is always on.
 *
 * @param bytes the block, {@link #BYTES} long
 * @param rsdp guest-physical address of the RSDP in it
 */
record AcpiTables(MemorySegment bytes, long rsdp) {
  static final int BYTES = 0x1_0000;
  private static final int RSDP = 0;
  private static final int XSDT = 0x40;
  private static final int FADT = 0x100;
  private static final int FACS = 0x400;
  private static final int MCFG = 0x480;
  private static final int MADT = 0x1000;
  private static final int DSDT = 0x2000;
  private static final int HEADER = 36;
  static final int RSDP_BYTES = 36;
  private static final int RSDP_V1_BYTES = 20;
  private static final int FADT_BYTES = 276;
  private static final int FACS_BYTES = 64;

  /** Their names count in two hexadecimal digits. */
  private static final int MAX_MMIO_DEVICES = 256;

  /**
   * Fixed feature flags: WBINVD, PROC_C1, SLP_BUTTON absent, RTC wake not fixed, 32-bit PM timer,
   * reset register.
   */
  private static final int FADT_FLAGS = 1 | 1 << 2 | 1 << 5 | 1 << 6 | 1 << 8 | 1 << 10;

  /** IAPC_BOOT_ARCH: legacy devices present, no 8042, no VGA. */
  private static final int BOOT_ARCH = 1 | 1 << 2;

  private static final int OVERRIDE_EDGE_HIGH = 0x5;
  private static final int OVERRIDE_LEVEL_HIGH = 0xD;

  static AcpiTables build(long gpa, Machine machine) {
    Bytes block = new Bytes(BYTES);
    int dsdtBytes = dsdt(block, machine);
    if (DSDT + dsdtBytes > BYTES) {
      throw new IllegalArgumentException(
          "bug: %d MMIO devices".formatted(machine.mmioDevices().size()));
    }
    facs(block);
    fadt(block, gpa);
    madt(block, machine);
    mcfg(block);
    xsdt(block, gpa);
    rsdp(block, gpa);
    return new AcpiTables(block.segment(), gpa + RSDP);
  }

  private static void rsdp(Bytes block, long gpa) {
    block.text(RSDP, "RSD PTR ").text(RSDP + 9, "REDOUB").u8(RSDP + 15, 2);
    block.u32(RSDP + 20, RSDP_BYTES).u64(RSDP + 24, gpa + XSDT);
    block.checksum(RSDP + 8, RSDP, RSDP + RSDP_V1_BYTES);
    block.checksum(RSDP + 32, RSDP, RSDP + RSDP_BYTES);
  }

  /**
   * Signature 4, length 4, revision 1, checksum 1, OEM id 6, OEM table id 8, OEM revision 4,
   * creator 4 and 4.
   */
  private static void header(Bytes block, int at, String signature, int length, int revision) {
    block.text(at, signature).u32(at + 4, length).u8(at + 8, revision);
    block.text(at + 10, "REDOUB").text(at + 16, "REDOUBT ").u32(at + 24, 1);
    block.text(at + 28, "RDBT").u32(at + 32, 1);
    block.checksum(at + 9, at, at + length);
  }

  private static void xsdt(Bytes block, long gpa) {
    block.u64(XSDT + HEADER, gpa + FADT).u64(XSDT + HEADER + 8, gpa + MADT);
    block.u64(XSDT + HEADER + 16, gpa + MCFG);
    header(block, XSDT, "XSDT", HEADER + 24, 1);
  }

  private static void facs(Bytes block) {
    block.text(FACS, "FACS").u32(FACS + 4, FACS_BYTES).u8(FACS + 32, 2);
  }

  /** Generic address structure of an I/O port. Section 5.2.3.2. */
  private static void gas(Bytes block, int at, int port, int bits, int access) {
    block.u8(at, 1).u8(at + 1, bits).u8(at + 3, access).u64(at + 4, port);
  }

  private static void fadt(Bytes block, long gpa) {
    block.u32(FADT + 36, gpa + FACS).u32(FADT + 40, gpa + DSDT);
    block.u16(FADT + 46, Machine.SCI_GSI);
    block.u32(FADT + 56, Machine.PM1_EVENT_PORT).u32(FADT + 64, Machine.PM1_CONTROL_PORT);
    block.u32(FADT + 76, Machine.PM_TIMER_PORT);
    block.u8(FADT + 88, 4).u8(FADT + 89, 2).u8(FADT + 91, 4);
    block.u16(FADT + 96, 0xFFF).u16(FADT + 98, 0xFFF); // too slow: no C2, no C3
    block.u8(FADT + 108, 0x32); // the century's byte in CMOS
    block.u16(FADT + 109, BOOT_ARCH).u32(FADT + 112, FADT_FLAGS);
    gas(block, FADT + 116, Machine.RESET_PORT, 8, 1);
    block.u8(FADT + 128, Machine.RESET_VALUE);
    block.u64(FADT + 140, gpa + DSDT);
    gas(block, FADT + 148, Machine.PM1_EVENT_PORT, 32, 2);
    gas(block, FADT + 172, Machine.PM1_CONTROL_PORT, 16, 2);
    gas(block, FADT + 208, Machine.PM_TIMER_PORT, 32, 3);
    header(block, FADT, "FACP", FADT_BYTES, 6);
  }

  /** Section 5.2.12: local APICs, the I/O APIC, overrides for the PIT and the SCI, NMI on LINT1. */
  private static void madt(Bytes block, Machine machine) {
    block.u32(MADT + 36, Machine.LOCAL_APIC).u32(MADT + 40, 1); // PCAT_COMPAT: there are 8259s
    int at = MADT + 44;
    for (int cpu = 0; cpu < machine.vcpus(); cpu++, at += 8) {
      block.u8(at, 0).u8(at + 1, 8).u8(at + 2, cpu).u8(at + 3, cpu).u32(at + 4, 1);
    }
    block.u8(at, 1).u8(at + 1, 12).u8(at + 2, 0).u32(at + 4, Machine.IO_APIC).u32(at + 8, 0);
    at += 12;
    at = override(block, at, 0, Machine.TIMER_GSI, OVERRIDE_EDGE_HIGH);
    at = override(block, at, Machine.SCI_GSI, Machine.SCI_GSI, OVERRIDE_LEVEL_HIGH);
    block.u8(at, 4).u8(at + 1, 6).u8(at + 2, 0xFF).u16(at + 3, 0).u8(at + 5, 1);
    at += 6;
    header(block, MADT, "APIC", at - MADT, 5);
  }

  /** PCI Firmware Specification 3.2, section 4.1.2: segment 0, bus 0. */
  private static void mcfg(Bytes block) {
    block.u64(MCFG + 44, Machine.PCI_ECAM).u16(MCFG + 52, 0).u8(MCFG + 54, 0).u8(MCFG + 55, 0);
    header(block, MCFG, "MCFG", 60, 1);
  }

  private static int override(Bytes block, int at, int irq, int gsi, int flags) {
    block
        .u8(at, 2)
        .u8(at + 1, 10)
        .u8(at + 2, 0)
        .u8(at + 3, irq)
        .u32(at + 4, gsi)
        .u16(at + 8, flags);
    return at + 10;
  }

  /** The PCI host bridge: what it has, what it passes on, and where INTA of its devices goes. */
  private static byte[] pciHost() {
    byte[][] routes = new byte[32][];
    for (int device = 0; device < routes.length; device++) {
      routes[device] =
          Aml.pack(
              Aml.integer((long) device << 16 | 0xFFFF),
              Aml.integer(0),
              Aml.integer(0),
              Aml.integer(Machine.PCI_FIRST_GSI + device % Machine.PCI_GSIS));
    }
    return Aml.device(
        "PCI0",
        Aml.name("_HID", Aml.eisaId("PNP0A08")),
        Aml.name("_CID", Aml.eisaId("PNP0A03")),
        Aml.name("_UID", Aml.integer(0)),
        Aml.name("_BBN", Aml.integer(0)),
        Aml.name("_CCA", Aml.integer(1)),
        Aml.name(
            "_CRS",
            Aml.resources(
                Aml.busNumbers(0, 0),
                Aml.io(Machine.PCI_CONFIG_PORT, 8),
                Aml.ioWindow(0, Machine.PCI_CONFIG_PORT - 1),
                Aml.ioWindow(Machine.PCI_CONFIG_PORT + 8, 0xFFFF),
                Aml.memoryWindow(Machine.PCI_WINDOW, Machine.PCI_WINDOW_BYTES))),
        Aml.name("_PRT", Aml.pack(routes)));
  }

  /** What no device may be put over: Linux believes the MCFG only with this. */
  private static byte[] motherboard() {
    return Aml.device(
        "MBRD",
        Aml.name("_HID", Aml.eisaId("PNP0C02")),
        Aml.name("_UID", Aml.integer(0)),
        Aml.name("_CRS", Aml.resources(Aml.memory32(Machine.PCI_ECAM, Machine.PCI_ECAM_BYTES))));
  }

  /** Soft-off, PCI, the serial port, the clock, and the MMIO devices. */
  private static int dsdt(Bytes block, Machine machine) {
    if (machine.mmioDevices().size() > MAX_MMIO_DEVICES) {
      throw new IllegalArgumentException(
          "bug: %d MMIO devices".formatted(machine.mmioDevices().size()));
    }
    List<byte[]> devices = new ArrayList<>();
    devices.add(pciHost());
    devices.add(motherboard());
    devices.add(
        Aml.device(
            "COM1",
            Aml.name("_HID", Aml.eisaId("PNP0501")),
            Aml.name("_UID", Aml.integer(0)),
            Aml.name(
                "_CRS", Aml.resources(Aml.io(Machine.COM1_PORT, 8), Aml.irq(Machine.COM1_GSI)))));
    devices.add(
        Aml.device(
            "RTC_",
            Aml.name("_HID", Aml.eisaId("PNP0B00")),
            Aml.name(
                "_CRS", Aml.resources(Aml.io(Machine.RTC_PORT, 2), Aml.irq(Machine.RTC_GSI)))));
    for (int i = 0; i < machine.mmioDevices().size(); i++) {
      Machine.MmioDevice device = machine.mmioDevices().get(i);
      devices.add(
          Aml.device(
              "VR%02X".formatted(i),
              Aml.name("_HID", Aml.string("LNRO0005")),
              Aml.name("_UID", Aml.integer(i)),
              Aml.name("_CCA", Aml.integer(1)),
              Aml.name(
                  "_CRS",
                  Aml.resources(
                      Aml.memory32(device.gpa(), device.size()),
                      Aml.levelInterrupt(device.gsi())))));
    }
    byte[] aml =
        Aml.cat(
            Aml.name(
                "\\_S5_",
                Aml.pack(
                    Aml.integer(Machine.S5_SLEEP_TYPE),
                    Aml.integer(Machine.S5_SLEEP_TYPE),
                    Aml.integer(0),
                    Aml.integer(0))),
            Aml.scope("\\_SB_", devices.toArray(byte[][]::new)));
    block.copy(DSDT + HEADER, MemorySegment.ofArray(aml));
    header(block, DSDT, "DSDT", HEADER + aml.length, 2);
    return HEADER + aml.length;
  }
}
