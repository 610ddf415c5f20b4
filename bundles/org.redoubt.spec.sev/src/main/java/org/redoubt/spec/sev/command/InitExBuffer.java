package org.redoubt.spec.sev.command;

import static org.redoubt.struct.Layouts.reserved;
import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u32;
import static org.redoubt.struct.Layouts.u64;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import org.redoubt.struct.Field;

/**
 * Command buffer of INIT_EX: INIT with the non-volatile state in host memory.
 *
 * <pre>
 * offset name               bytes  dir    meaning
 * 00h  EX_LEN                  4  in     36, the bytes of this structure
 * 04h  FLAGS                   4  in     bit 0: SEV-ES
 * 08h  TMR_PADDR               8  in     SEV-ES: a trusted memory region
 * 10h  TMR_LENGTH              4  in     its length in bytes
 * 14h  RESERVED                4         must be zero
 * 18h  NV_PADDR                8  in     the non-volatile state, read and written by the firmware
 * 20h  NV_LENGTH               4  in     its length in bytes
 * </pre>
 *
 * <p>Source: Linux {@code linux/psp-sev.h}, {@code struct sev_data_init_ex}.
 *
 * @param exLen 36, the bytes of this structure
 * @param flags bit 0: SEV-ES
 * @param tmrPaddr SEV-ES: a trusted memory region
 * @param tmrLength its length in bytes
 * @param nvPaddr the non-volatile state, read and written by the firmware
 * @param nvLength its length in bytes
 */
public record InitExBuffer(
    int exLen, int flags, long tmrPaddr, int tmrLength, long nvPaddr, int nvLength) {
  /** The packed layout, 36 bytes. */
  public static final StructLayout LAYOUT =
      struct(
          "INIT_EX",
          u32("EX_LEN"),
          u32("FLAGS"),
          u64("TMR_PADDR"),
          u32("TMR_LENGTH"),
          reserved(4, ""),
          u64("NV_PADDR"),
          u32("NV_LENGTH"));

  private static final Field EX_LEN = Field.of(LAYOUT, "EX_LEN");
  private static final Field FLAGS = Field.of(LAYOUT, "FLAGS");
  private static final Field TMR_PADDR = Field.of(LAYOUT, "TMR_PADDR");
  private static final Field TMR_LENGTH = Field.of(LAYOUT, "TMR_LENGTH");
  private static final Field NV_PADDR = Field.of(LAYOUT, "NV_PADDR");
  private static final Field NV_LENGTH = Field.of(LAYOUT, "NV_LENGTH");

  /** Decodes a copied buffer of at least 36 bytes; reserved members are not looked at here. */
  public static InitExBuffer read(MemorySegment s) {
    return new InitExBuffer(
        EX_LEN.getInt(s),
        FLAGS.getInt(s),
        TMR_PADDR.get(s),
        TMR_LENGTH.getInt(s),
        NV_PADDR.get(s),
        NV_LENGTH.getInt(s));
  }

  /** Writes all fields; reserved members become zero. */
  public void write(MemorySegment s) {
    s.asSlice(0, LAYOUT.byteSize()).fill((byte) 0);
    EX_LEN.set(s, exLen);
    FLAGS.set(s, flags);
    TMR_PADDR.set(s, tmrPaddr);
    TMR_LENGTH.set(s, tmrLength);
    NV_PADDR.set(s, nvPaddr);
    NV_LENGTH.set(s, nvLength);
  }
}
