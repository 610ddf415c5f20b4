package org.redoubt.spec.sev.command;

import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u32;
import static org.redoubt.struct.Layouts.u64;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import org.redoubt.struct.Field;

/**
 * Command buffer of ACTIVATE_EX: ACTIVATE on some core complexes only.
 *
 * <pre>
 * offset name               bytes  dir    meaning
 * 00h  EX_LEN                  4  in     24, the bytes of this structure
 * 04h  HANDLE                  4  in     the guest
 * 08h  ASID                    4  in     the ASID
 * 0Ch  NUM_IDS                 4  in     how many APIC ids follow at IDS_PADDR
 * 10h  IDS_PADDR               8  in     APIC ids, 4 bytes each, one of each core complex
 * </pre>
 *
 * <p>Source: AMDESE/sev-tool {@code sevapi.h}, {@code sev_activate_ex_cmd_buf}.
 *
 * @param exLen 24, the bytes of this structure
 * @param handle the guest
 * @param asid the ASID
 * @param numIds how many APIC ids follow at IDS_PADDR
 * @param idsPaddr APIC ids, 4 bytes each, one of each core complex
 */
public record ActivateExBuffer(int exLen, int handle, int asid, int numIds, long idsPaddr) {
  /** The packed layout, 24 bytes. */
  public static final StructLayout LAYOUT =
      struct(
          "ACTIVATE_EX",
          u32("EX_LEN"),
          u32("HANDLE"),
          u32("ASID"),
          u32("NUM_IDS"),
          u64("IDS_PADDR"));

  private static final Field EX_LEN = Field.of(LAYOUT, "EX_LEN");
  private static final Field HANDLE = Field.of(LAYOUT, "HANDLE");
  private static final Field ASID = Field.of(LAYOUT, "ASID");
  private static final Field NUM_IDS = Field.of(LAYOUT, "NUM_IDS");
  private static final Field IDS_PADDR = Field.of(LAYOUT, "IDS_PADDR");

  /** Decodes a copied buffer of at least 24 bytes; reserved members are not looked at here. */
  public static ActivateExBuffer read(MemorySegment s) {
    return new ActivateExBuffer(
        EX_LEN.getInt(s), HANDLE.getInt(s), ASID.getInt(s), NUM_IDS.getInt(s), IDS_PADDR.get(s));
  }

  /** Writes all fields; reserved members become zero. */
  public void write(MemorySegment s) {
    s.asSlice(0, LAYOUT.byteSize()).fill((byte) 0);
    EX_LEN.set(s, exLen);
    HANDLE.set(s, handle);
    ASID.set(s, asid);
    NUM_IDS.set(s, numIds);
    IDS_PADDR.set(s, idsPaddr);
  }
}
