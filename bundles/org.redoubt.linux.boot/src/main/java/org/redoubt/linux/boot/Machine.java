package org.redoubt.linux.boot;

import java.util.List;

/**
 * What the layout must know of the machine. Two machines that are equal give equal layouts.
 *
 * @param memoryBytes guest memory, a multiple of 4 KiB; what does not fit below {@link
 *     #LOW_MEMORY_END} lies from 4 GiB
 * @param vcpus processors, 1 to {@link #MAX_VCPUS}; APIC ids count from 0
 * @param encryptionBit position of the C-bit, 32 to 62, or {@link #NOT_ENCRYPTED}
 * @param mmioDevices virtio-mmio devices to announce in the DSDT, in order
 */
public record Machine(
    long memoryBytes, int vcpus, int encryptionBit, List<MmioDevice> mmioDevices) {
  /** No C-bit. */
  public static final int NOT_ENCRYPTED = -1;

  /** Memory below 4 GiB ends here at the latest; MMIO lies above. */
  public static final long LOW_MEMORY_END = 0xC000_0000L;

  /** Memory beyond {@link #LOW_MEMORY_END} goes here. */
  public static final long HIGH_MEMORY = 1L << 32;

  /** MADT local APIC entries have 8-bit ids, FFh being all. */
  public static final int MAX_VCPUS = 254;

  /**
   * PM1 event block, 4 bytes; the other power-management ports follow it. The ports that QEMU's
   * PIIX4 uses.
   */
  public static final int PM1_EVENT_PORT = 0x600;

  /** PM1 control block, 2 bytes. */
  public static final int PM1_CONTROL_PORT = 0x604;

  /** Power-management timer, 4 bytes, 3.579545 MHz, 32 bits wide. */
  public static final int PM_TIMER_PORT = 0x608;

  /** Reset register. */
  public static final int RESET_PORT = 0xCF9;

  /** What to write there. */
  public static final int RESET_VALUE = 0x06;

  /** SLP_TYP of S5 in the DSDT. */
  public static final int S5_SLEEP_TYPE = 0;

  /** The system control interrupt: active high, level. */
  public static final int SCI_GSI = 9;

  /** The PIT's interrupt 0 arrives at this I/O APIC pin. */
  public static final int TIMER_GSI = 2;

  /** First serial port and its interrupt. */
  public static final int COM1_PORT = 0x3F8;

  /** Interrupt of the first serial port. */
  public static final int COM1_GSI = 4;

  /** Real-time clock ports, two of them, and its interrupt. */
  public static final int RTC_PORT = 0x70;

  /** Interrupt of the real-time clock. */
  public static final int RTC_GSI = 8;

  /** Local APIC registers. */
  public static final long LOCAL_APIC = 0xFEE0_0000L;

  /** I/O APIC registers. */
  public static final long IO_APIC = 0xFEC0_0000L;

  /** PCI configuration ports: address at the first, data from the fifth on. */
  public static final int PCI_CONFIG_PORT = 0xCF8;

  /** PCI configuration space, memory-mapped: 1 MiB, bus 0. */
  public static final long PCI_ECAM = 0xE000_0000L;

  /** Bytes of it. */
  public static final long PCI_ECAM_BYTES = 1L << 20;

  /** Where the BARs of PCI devices are. */
  public static final long PCI_WINDOW = 0xD000_0000L;

  /** Bytes of it. */
  public static final long PCI_WINDOW_BYTES = 256L << 20;

  /** Interrupt of PCI device 0; device n has this plus n modulo {@link #PCI_GSIS}. */
  public static final int PCI_FIRST_GSI = 16;

  /** Number of interrupts that PCI devices share. */
  public static final int PCI_GSIS = 8;

  /**
   * A virtio-mmio device.
   *
   * @param gpa register window, below 4 GiB
   * @param size bytes of it
   * @param gsi its interrupt, level triggered, active high
   */
  public record MmioDevice(long gpa, long size, int gsi) {
    public MmioDevice {
      if (gpa < LOW_MEMORY_END || size <= 0 || gpa + size > IO_APIC || gsi < 0 || gsi > 23) {
        throw new IllegalArgumentException(
            "bug: device at %x of %x bytes, GSI %d, lies outside the MMIO range"
                .formatted(gpa, size, gsi));
      }
    }
  }

  public Machine {
    mmioDevices = List.copyOf(mmioDevices);
    if (memoryBytes <= 0 || memoryBytes % Region.PAGE_BYTES != 0) {
      throw new IllegalArgumentException(
          "bug: %d bytes of memory are not whole pages".formatted(memoryBytes));
    }
    if (vcpus < 1 || vcpus > MAX_VCPUS) {
      throw new IllegalArgumentException("bug: %d vCPUs, not 1 to %d".formatted(vcpus, MAX_VCPUS));
    }
    if (encryptionBit != NOT_ENCRYPTED && (encryptionBit < 32 || encryptionBit > 62)) {
      throw new IllegalArgumentException("bug: C-bit %d, not 32 to 62".formatted(encryptionBit));
    }
  }

  /** A machine without encryption and without MMIO devices. */
  public static Machine of(long memoryBytes, int vcpus) {
    return new Machine(memoryBytes, vcpus, NOT_ENCRYPTED, List.of());
  }

  /** The same with another C-bit position. */
  public Machine withEncryptionBit(int bit) {
    return new Machine(memoryBytes, vcpus, bit, mmioDevices);
  }

  /** The same with these devices. */
  public Machine withMmioDevices(List<MmioDevice> devices) {
    return new Machine(memoryBytes, vcpus, encryptionBit, devices);
  }

  /** First address after the memory below 4 GiB. */
  public long lowMemoryEnd() {
    return Math.min(memoryBytes, LOW_MEMORY_END);
  }

  /** Bytes of memory from 4 GiB on. */
  public long highMemoryBytes() {
    return memoryBytes - lowMemoryEnd();
  }

  /** The C-bit as a mask, or 0. */
  public long encryptionMask() {
    return encryptionBit == NOT_ENCRYPTED ? 0 : 1L << encryptionBit;
  }
}
