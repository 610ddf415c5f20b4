package org.redoubt.spec.sev.command;

import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u32;
import static org.redoubt.struct.Layouts.u64;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import org.redoubt.struct.Field;

/**
 * Command buffer of GET_ID. With a length that is too short, the length comes back as needed.
 *
 * <pre>
 * offset name               bytes  dir    meaning
 * 00h  ID_PADDR                8  in     where the ids go
 * 08h  ID_LEN                  4  in/out their length in bytes
 * </pre>
 *
 * <p>Source: Linux {@code linux/psp-sev.h}, {@code struct sev_data_get_id}.
 *
 * @param idPaddr where the ids go
 * @param idLen their length in bytes
 */
public record GetIdBuffer(long idPaddr, int idLen) {
  /** The packed layout, 12 bytes. */
  public static final StructLayout LAYOUT = struct("GET_ID", u64("ID_PADDR"), u32("ID_LEN"));

  private static final Field ID_PADDR = Field.of(LAYOUT, "ID_PADDR");
  private static final Field ID_LEN = Field.of(LAYOUT, "ID_LEN");

  /** Decodes a copied buffer of at least 12 bytes; reserved members are not looked at here. */
  public static GetIdBuffer read(MemorySegment s) {
    return new GetIdBuffer(ID_PADDR.get(s), ID_LEN.getInt(s));
  }

  /** Writes all fields; reserved members become zero. */
  public void write(MemorySegment s) {
    s.asSlice(0, LAYOUT.byteSize()).fill((byte) 0);
    ID_PADDR.set(s, idPaddr);
    ID_LEN.set(s, idLen);
  }
}
