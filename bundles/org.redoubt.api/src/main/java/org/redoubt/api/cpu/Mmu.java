package org.redoubt.api.cpu;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * The memory management unit of one vCPU: walks guest and nested tables, sets accessed and dirty
 * bits, applies C-bit and permissions, and fills the TLB. Host addresses are made here and nowhere
 * else. All methods are called on the vCPU's thread, while its port is running.
 */
@ConsumerType
public interface Mmu {
  /** Kinds of access. */
  int READ = 0;

  int WRITE = 1;
  int FETCH = 2;

  /** The TLB has the page now. */
  int FILLED = 0;

  /**
   * The page can be reached but not through the TLB for writing (it is watched): {@link
   * #hostAddress()} is good until the next call of the memory port; after the store, call {@link
   * #written}.
   */
  int FILLED_WATCHED = 1;

  /** #PF: {@link #errorCode()} and the gva asked for. */
  int PAGE_FAULT = 2;

  /** Not RAM: {@link #gpa()} is a device's, or nobody's. */
  int MMIO = 3;

  /**
   * #NPF that the hypervisor must see: {@link #gpa()} and {@link #errorCode()} (EXITINFO1, APM Vol.
   * 2, §15.25.6).
   */
  int NESTED_PAGE_FAULT = 4;

  /**
   * The guest's memory is suspended: leave with {@link Exit.Kind#SUSPENDED}, restart the
   * instruction later.
   */
  int SUSPENDED = 5;

  /** #GP or #SS for a non-canonical address. */
  int NOT_CANONICAL = 6;

  /**
   * Translates one access within a page, and fills the TLB entry of the bank.
   *
   * @param gva linear address
   * @param access {@link #READ}, {@link #WRITE} (read and write both become possible) or {@link
   *     #FETCH}
   * @param bank {@link TlbLayout#BANK_SUPERVISOR} and so on: the privilege of the access
   * @return {@link #FILLED} and so on
   */
  int fill(long gva, int access, int bank);

  /** Host address of the byte at the gva of the last fill. */
  long hostAddress();

  /** Error code of the last {@link #PAGE_FAULT} or {@link #NESTED_PAGE_FAULT}. */
  long errorCode();

  /** Guest-physical address, without C-bit, of the last fill. */
  long gpa();

  /**
   * System-physical address of the byte of the last successful fill, for caches of decoded code.
   */
  long spa();

  /** Tag (C-bit and ASID) of the last successful fill. */
  int tag();

  /**
   * Tells the memory system that a watched page was written.
   *
   * @param spa first changed address
   * @param bytes how many, within one page
   */
  void written(long spa, long bytes);

  /**
   * The registers that rule translation have changed. Empties the TLB where the architecture says
   * so.
   *
   * @param cr0 CR0
   * @param cr3 CR3, C-bit included
   * @param cr4 CR4
   * @param efer EFER
   */
  void setPaging(long cr0, long cr3, long cr4, long efer);

  /**
   * PKRU has changed: what it allows and forbids on user pages holds for the next data access, also
   * where the TLB has the page already. While CR4.PKE is clear or long mode is off it has no
   * effect. An MMU that does not override this knows no protection keys. APM Vol. 2, 5.6.7.
   *
   * @param pkru two bits for each of 16 keys: access disabled, write disabled
   */
  default void setKeyRights(int pkru) {}

  /**
   * PDPTEs are loaded at MOV CR3 in PAE mode; says whether they are well-formed (else #GP). Called
   * before {@link #setPaging}.
   */
  boolean checkPdptes(long cr3);

  /** INVLPG. */
  void invalidate(long gva);

  /** INVPCID, and whatever empties everything. */
  void invalidateAll();

  /**
   * Translates without side effects (no accessed bit, no TLB), for debuggers.
   *
   * @return gpa without C-bit, or -1
   */
  long probe(long gva);
}
