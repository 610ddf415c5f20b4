package org.redoubt.linux.boot;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** Lays a Linux guest out. Pure: equal arguments give equal bytes. Any thread. */
public final class LinuxBoot {
  /** boot_params. */
  public static final long BOOT_PARAMS_GPA = 0x1_0000;

  /** The command line, NUL-terminated. */
  public static final long CMDLINE_GPA = 0x1_1000;

  /** The GDT. */
  public static final long GDT_GPA = 0x1_2000;

  /** The secret's setup_data node, alone in its page. */
  public static final long SECRET_GPA = 0x1_3000;

  /** The page tables. */
  public static final long PAGE_TABLES_GPA = 0x2_0000;

  /** Most bytes a secret slot can have: the rest of one page. */
  public static final int SECRET_MOST = Region.PAGE_BYTES - SetupData.HEADER_BYTES;

  private static final long MIB = 1L << 20;

  private LinuxBoot() {}

  /**
   * Computes the layout.
   *
   * @param kernel the parsed bzImage
   * @param initrd the initial RAM disk, or an empty segment; not changed, copied
   * @param cmdline the kernel's command line, printable ASCII
   * @param machine memory, processors, C-bit, devices
   * @param secretBytes room for a secret, a multiple of 16 up to {@link #SECRET_MOST}, or 0 for
   *     none
   * @throws LinuxBootException if these do not fit together; one sentence, values included
   */
  public static BootLayout layout(
      LinuxImage kernel, MemorySegment initrd, String cmdline, Machine machine, int secretBytes)
      throws LinuxBootException {
    if (secretBytes < 0 || secretBytes > SECRET_MOST || secretBytes % 16 != 0) {
      throw new LinuxBootException(
          "A secret slot of %d bytes is not a multiple of 16 up to %d."
              .formatted(secretBytes, SECRET_MOST));
    }
    byte[] line = PcMemory.commandLine(cmdline, kernel.cmdlineMax());
    PcMemory memory = PcMemory.of(machine);
    long acpiGpa = memory.acpiGpa();
    checkMemory(kernel, acpiGpa, machine);
    long initrdGpa = placeInitrd(kernel, initrd.byteSize(), acpiGpa, machine);
    List<E820Entry> e820 = memory.e820();
    long setupData = secretBytes == 0 ? 0 : SECRET_GPA;

    List<Region> regions = new ArrayList<>();
    regions.add(memory.biosData());
    regions.add(
        Region.padded(
            "boot-params",
            BOOT_PARAMS_GPA,
            BootParams.page(
                    kernel,
                    initrdGpa,
                    initrd.byteSize(),
                    CMDLINE_GPA,
                    setupData,
                    memory.rsdp(),
                    e820)
                .segment()));
    regions.add(Region.padded("cmdline", CMDLINE_GPA, MemorySegment.ofArray(line)));
    regions.add(Region.padded("gdt", GDT_GPA, Gdt.table().segment()));
    if (secretBytes != 0) {
      regions.add(
          Region.padded("secret", SECRET_GPA, SetupData.secret(secretBytes).node(0).segment()));
    }
    regions.add(
        Region.padded(
            "page-tables",
            PAGE_TABLES_GPA,
            PageTables.identity(PAGE_TABLES_GPA, machine.encryptionMask()).segment()));
    regions.add(Region.padded("kernel", kernel.prefAddress(), kernel.protectedMode()));
    if (initrd.byteSize() != 0) {
      regions.add(Region.padded("initrd", initrdGpa, initrd));
    }
    regions.add(memory.acpi());
    regions.sort(Comparator.comparingLong(Region::gpa));

    return new BootLayout(
        regions,
        EntryState.at(kernel.entry(), BOOT_PARAMS_GPA, PAGE_TABLES_GPA, GDT_GPA),
        e820,
        secretBytes == 0
            ? Optional.empty()
            : Optional.of(
                new BootLayout.SecretSlot(SECRET_GPA + SetupData.HEADER_BYTES, secretBytes)),
        memory.rsdp());
  }

  private static void checkMemory(LinuxImage kernel, long acpiGpa, Machine machine)
      throws LinuxBootException {
    if (acpiGpa < kernel.end()) {
      throw new LinuxBootException(
          "%d MiB of memory are too little: this kernel needs at least %d MiB."
              .formatted(
                  machine.memoryBytes() / MIB, (kernel.end() + AcpiTables.BYTES + MIB - 1) / MIB));
    }
  }

  /** As high as it may go, so that the kernel has one free run below it. */
  private static long placeInitrd(LinuxImage kernel, long bytes, long acpiGpa, Machine machine)
      throws LinuxBootException {
    if (bytes == 0) {
      return 0;
    }
    long top = Math.min(acpiGpa, kernel.initrdAddrMax() + 1) & -Region.PAGE_BYTES;
    long room = Math.min(top - kernel.end(), Region.LARGEST);
    if (bytes > room) {
      throw new LinuxBootException(
          "The initrd has %d bytes, but only %d of %d MiB of memory are left for it beside the kernel."
              .formatted(bytes, Math.max(0, room), machine.memoryBytes() / MIB));
    }
    return top - Region.pageCeil(bytes);
  }
}
