package org.redoubt.api.cpu;

/**
 * The off-heap block that a vCPU shares with its MMU and, later, with host code emitted for it. All
 * fields are little-endian and naturally aligned; the block is aligned to 64 bytes.
 *
 * <pre>
 *   0h   STOP_FLAG   4   not 0: leave the run of blocks soon (safepoint, interrupt, stop); written by any thread
 *   40h  banks           {@link #BANKS} x {@link #ENTRIES} entries of {@link #ENTRY_BYTES} bytes
 *
 *   entry  0h  READ_TAG   8   gva of the page if loads may use it, else {@link #INVALID}
 *          8h  WRITE_TAG  8   gva of the page if stores may use it (dirty bit set, page not watched), else INVALID
 *          10h FETCH_TAG  8   gva of the page if instructions may be fetched from it, else INVALID
 *          18h ADDEND     8   host address minus gva
 * </pre>
 *
 * <p>The entry of a gva in a bank is {@code (gva >>> 12) & (ENTRIES - 1)}. The bank is the
 * privilege of the access, so that neither a system call nor STAC empties anything. Only the vCPU's
 * own thread writes entries, or another one while the vCPU is parked.
 */
public final class TlbLayout {
  /** Entries of one bank, a power of two. */
  public static final int ENTRIES = 1024;

  /** Bytes of an entry. */
  public static final int ENTRY_BYTES = 32;

  /** Supervisor accesses, EFLAGS.AC clear or SMAP off. */
  public static final int BANK_SUPERVISOR = 0;

  /** User accesses. */
  public static final int BANK_USER = 1;

  /** Supervisor accesses with SMAP on and EFLAGS.AC set. */
  public static final int BANK_SUPERVISOR_AC = 2;

  public static final int BANKS = 3;

  public static final long STOP_FLAG = 0;
  public static final long BANKS_OFFSET = 0x40;
  public static final long READ_TAG = 0x00;
  public static final long WRITE_TAG = 0x08;
  public static final long FETCH_TAG = 0x10;
  public static final long ADDEND = 0x18;

  /** A tag that no page has: not a multiple of 4,096. */
  public static final long INVALID = -1;

  public static final long BANK_BYTES = (long) ENTRIES * ENTRY_BYTES;

  /** Bytes of the whole block. */
  public static final long BYTES = BANKS_OFFSET + BANKS * BANK_BYTES;

  private TlbLayout() {}

  /** Offset in the block of the entry for a gva. */
  public static long entry(int bank, long gva) {
    return BANKS_OFFSET + bank * BANK_BYTES + ((gva >>> 12) & (ENTRIES - 1)) * (long) ENTRY_BYTES;
  }
}
