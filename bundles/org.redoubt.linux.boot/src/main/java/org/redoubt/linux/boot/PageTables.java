package org.redoubt.linux.boot;

/**
 * The loader's page tables: the first 4 GiB, one to one, in 2 MiB pages, present and writable. APM2
 * section 5.3.
 *
 * <p>Every entry carries the C-bit if there is one. In a leaf it makes the page private; in the
 * entries above it says what table walks do in any case.
 */
final class PageTables {
  private static final int ENTRIES = 512;
  private static final int DIRECTORIES = 4;
  private static final int PAGE = Region.PAGE_BYTES;
  private static final long PRESENT_WRITABLE = 0b11;
  private static final long PAGE_SIZE = 1L << 7;
  private static final long LARGE_PAGE_BYTES = 2L << 20;

  /** PML4, PDPT and four page directories. */
  static final int BYTES = (2 + DIRECTORIES) * PAGE;

  private PageTables() {}

  /**
   * Tables that will lie at {@code gpa}, the PML4 first. {@code cMask} is the C-bit as a mask, or
   * 0.
   */
  static Bytes identity(long gpa, long cMask) {
    Bytes tables = new Bytes(BYTES);
    tables.u64(0, (gpa + PAGE) | PRESENT_WRITABLE | cMask);
    for (int d = 0; d < DIRECTORIES; d++) {
      long directory = (2L + d) * PAGE;
      tables.u64(PAGE + 8L * d, (gpa + directory) | PRESENT_WRITABLE | cMask);
      for (int e = 0; e < ENTRIES; e++) {
        long page = ((long) d * ENTRIES + e) * LARGE_PAGE_BYTES;
        tables.u64(directory + 8L * e, page | PAGE_SIZE | PRESENT_WRITABLE | cMask);
      }
    }
    return tables;
  }
}
