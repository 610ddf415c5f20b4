package org.redoubt.linux.boot;

/**
 * The loader's segment table: two null entries, then flat code and data where the boot protocol
 * wants them. APM2 section 4.8.
 *
 * <pre>
 *   10h  64-bit code, present, accessed, ring 0
 *   18h  data, present, writable, accessed, 4 GiB
 * </pre>
 */
final class Gdt {
  static final int BYTES = 0x20;
  private static final long CODE64 = 0x00AF_9B00_0000_FFFFL;
  private static final long DATA = 0x00CF_9300_0000_FFFFL;

  private Gdt() {}

  static Bytes table() {
    return new Bytes(BYTES).u64(EntryState.BOOT_CS, CODE64).u64(EntryState.BOOT_DS, DATA);
  }
}
