package org.redoubt.linux.boot;

/**
 * What the boot processor's registers hold at the kernel's 64-bit entry. Everything not named is
 * zero; interrupts are off. Linux, Documentation/arch/x86/boot, "64-bit Boot Protocol".
 *
 * @param rip the entry, 200h after the start of the protected-mode kernel
 * @param rsi guest-physical address of boot_params
 * @param rflags only the bit that is always one
 * @param cr0 paging and protection on
 * @param cr3 the PML4; no C-bit, walks being private in any case
 * @param cr4 PAE
 * @param efer long mode enabled and active
 * @param gdtBase guest-physical address of the GDT
 * @param gdtLimit its limit, size minus one
 * @param codeSelector the flat 64-bit code segment, __BOOT_CS
 * @param dataSelector the flat data segment for DS, ES, SS, FS and GS, __BOOT_DS
 */
public record EntryState(
    long rip,
    long rsi,
    long rflags,
    long cr0,
    long cr3,
    long cr4,
    long efer,
    long gdtBase,
    int gdtLimit,
    int codeSelector,
    int dataSelector) {
  /** __BOOT_CS. */
  public static final int BOOT_CS = 0x10;

  /** __BOOT_DS. */
  public static final int BOOT_DS = 0x18;

  /** CR0: PE, ET, NE, WP and PG. */
  static final long CR0 = 0x8001_0031L;

  /** CR4: PAE. */
  static final long CR4 = 0x20;

  /** EFER: LME and LMA. */
  static final long EFER = 0x500;

  /** RFLAGS with everything off: bit 1 reads as one. */
  static final long RFLAGS = 2;

  static EntryState at(long rip, long bootParams, long pml4, long gdt) {
    return new EntryState(
        rip, bootParams, RFLAGS, CR0, pml4, CR4, EFER, gdt, Gdt.BYTES - 1, BOOT_CS, BOOT_DS);
  }
}
