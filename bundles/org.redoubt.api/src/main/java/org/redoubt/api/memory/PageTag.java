package org.redoubt.api.memory;

/**
 * The tag of a cached page, as hardware tags its cache lines with (ASID, C-bit): a plain {@code
 * int}, so that it costs nothing on the way of a guest's access.
 *
 * <p>{@link #SHARED} stands for every access with the C-bit clear, whoever makes it: host, device
 * or guest. The bytes are DRAM's as they are or, with host encryption on, under the host's own key.
 * A positive tag is an access with the C-bit set by the guest of that ASID. APM Vol. 2, §15.34.
 */
public final class PageTag {
  /** C-bit clear: host, devices, and pages that a guest shares. */
  public static final int SHARED = 0;

  private PageTag() {}

  /**
   * The tag of an access.
   *
   * @param asid the guest's ASID, 1 or more
   * @param cBit whether the access has the C-bit set
   * @return {@code asid} or {@link #SHARED}
   */
  public static int of(int asid, boolean cBit) {
    return cBit ? asid : SHARED;
  }
}
