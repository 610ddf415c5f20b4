package org.redoubt.linux.boot;

/**
 * One line of the memory map a BIOS would have given. Linux, Documentation/arch/x86/zero-page; ACPI
 * 6.5 section 15.4.
 *
 * <pre>
 *   00h  ADDR   8
 *   08h  SIZE   8
 *   10h  TYPE   4
 * </pre>
 *
 * @param gpa first address
 * @param size bytes
 * @param type what the range is
 */
public record E820Entry(long gpa, long size, Type type) {
  /** Bytes of an entry in boot_params. */
  public static final int BYTES = 20;

  /** Address range types. ACPI 6.5 table 15.4. */
  public enum Type {
    /** Memory to use. */
    RAM(1),
    /** Not to be touched. Under SEV, Linux maps such ranges shared. */
    RESERVED(2),
    /**
     * ACPI tables. Linux maps these encrypted under SEV, so that later reads see what was launched.
     */
    ACPI(3);

    private final int code;

    Type(int code) {
      this.code = code;
    }

    /** The number in the table. */
    public int code() {
      return code;
    }
  }

  /** First address after it. */
  public long end() {
    return gpa + size;
  }
}
