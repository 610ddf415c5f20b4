package org.redoubt.spec.sev.command;

import static org.redoubt.struct.Layouts.reserved;
import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u32;
import static org.redoubt.struct.Layouts.u64;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import org.redoubt.struct.Field;

/**
 * Command buffer of INIT: what the platform is initialized with.
 *
 * <pre>
 * offset name               bytes  dir    meaning
 * 00h  FLAGS                   4  in     bit 0: SEV-ES guests allowed; others reserved
 * 04h  RESERVED                4         must be zero
 * 08h  TMR_PADDR               8  in     trusted memory region for SEV-ES, 1 MiB aligned
 * 10h  TMR_LENGTH              4  in     its length in bytes
 * </pre>
 *
 * <p>Source: Linux {@code linux/psp-sev.h}, {@code struct sev_data_init}.
 *
 * @param flags bit 0: SEV-ES guests allowed; others reserved
 * @param tmrPaddr trusted memory region for SEV-ES, 1 MiB aligned
 * @param tmrLength its length in bytes
 */
public record InitBuffer(int flags, long tmrPaddr, int tmrLength) {
  /** The packed layout, 20 bytes. */
  public static final StructLayout LAYOUT =
      struct("INIT", u32("FLAGS"), reserved(4, ""), u64("TMR_PADDR"), u32("TMR_LENGTH"));

  private static final Field FLAGS = Field.of(LAYOUT, "FLAGS");
  private static final Field TMR_PADDR = Field.of(LAYOUT, "TMR_PADDR");
  private static final Field TMR_LENGTH = Field.of(LAYOUT, "TMR_LENGTH");

  /** Decodes a copied buffer of at least 20 bytes; reserved members are not looked at here. */
  public static InitBuffer read(MemorySegment s) {
    return new InitBuffer(FLAGS.getInt(s), TMR_PADDR.get(s), TMR_LENGTH.getInt(s));
  }

  /** Writes all fields; reserved members become zero. */
  public void write(MemorySegment s) {
    s.asSlice(0, LAYOUT.byteSize()).fill((byte) 0);
    FLAGS.set(s, flags);
    TMR_PADDR.set(s, tmrPaddr);
    TMR_LENGTH.set(s, tmrLength);
  }

  /** FLAGS: SEV-ES guests are allowed. Linux {@code SEV_INIT_FLAGS_SEV_ES}. */
  public static final int FLAG_ES = 1;

  /** Bytes of a trusted memory region, and its alignment. Linux {@code SEV_TMR_SIZE}. */
  public static final int TMR_BYTES = 1 << 20;
}
