package org.redoubt.spec.sev.command;

import static org.redoubt.struct.Layouts.reserved;
import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u32;
import static org.redoubt.struct.Layouts.u64;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import org.redoubt.struct.Field;

/**
 * Command buffer of DBG_DECRYPT and DBG_ENCRYPT.
 *
 * <pre>
 * offset name               bytes  dir    meaning
 * 00h  HANDLE                  4  in     the guest
 * 04h  RESERVED                4         must be zero
 * 08h  SRC_PADDR               8  in     where the bytes come from
 * 10h  DST_PADDR               8  in     where they go
 * 18h  LENGTH                  4  in     how many
 * </pre>
 *
 * <p>Source: Linux {@code linux/psp-sev.h}, {@code struct sev_data_dbg}.
 *
 * @param handle the guest
 * @param srcPaddr where the bytes come from
 * @param dstPaddr where they go
 * @param length how many
 */
public record DbgBuffer(int handle, long srcPaddr, long dstPaddr, int length) {
  /** The packed layout, 28 bytes. */
  public static final StructLayout LAYOUT =
      struct(
          "DBG", u32("HANDLE"), reserved(4, ""), u64("SRC_PADDR"), u64("DST_PADDR"), u32("LENGTH"));

  private static final Field HANDLE = Field.of(LAYOUT, "HANDLE");
  private static final Field SRC_PADDR = Field.of(LAYOUT, "SRC_PADDR");
  private static final Field DST_PADDR = Field.of(LAYOUT, "DST_PADDR");
  private static final Field LENGTH = Field.of(LAYOUT, "LENGTH");

  /** Decodes a copied buffer of at least 28 bytes; reserved members are not looked at here. */
  public static DbgBuffer read(MemorySegment s) {
    return new DbgBuffer(HANDLE.getInt(s), SRC_PADDR.get(s), DST_PADDR.get(s), LENGTH.getInt(s));
  }

  /** Writes all fields; reserved members become zero. */
  public void write(MemorySegment s) {
    s.asSlice(0, LAYOUT.byteSize()).fill((byte) 0);
    HANDLE.set(s, handle);
    SRC_PADDR.set(s, srcPaddr);
    DST_PADDR.set(s, dstPaddr);
    LENGTH.set(s, length);
  }
}
