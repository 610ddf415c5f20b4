package org.redoubt.api.memory;

/**
 * What became of the activation of an ASID's key slot. Nothing has changed unless it is {@link
 * #INSTALLED}.
 */
public enum KeyStatus {
  /** The slot holds a key; the ASID's pages can be touched. */
  INSTALLED,
  /** The ASID is outside 1 to {@link MemoryConfig#asids()}. */
  INVALID_ASID,
  /** The ASID's slot is live: deactivate it first. */
  ASID_LIVE,
  /**
   * The ASID was used before, and the caches have not been written back since: {@link
   * MemorySystem#wbinvd()} first.
   */
  WBINVD_REQUIRED,
  /**
   * The ASID was used before, and the data fabric was not flushed since: {@link
   * MemorySystem#dfFlush()} first.
   */
  DFFLUSH_REQUIRED,
  /** No {@link KeyInstaller} is set, or it refused. */
  NO_KEY
}
