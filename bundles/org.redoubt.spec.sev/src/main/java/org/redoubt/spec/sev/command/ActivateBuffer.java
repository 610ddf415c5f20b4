package org.redoubt.spec.sev.command;

import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u32;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import org.redoubt.struct.Field;

/**
 * Command buffer of ACTIVATE: binds a guest to an ASID and installs its key.
 *
 * <pre>
 * offset name               bytes  dir    meaning
 * 00h  HANDLE                  4  in     the guest
 * 04h  ASID                    4  in     the ASID, from 1
 * </pre>
 *
 * <p>Source: Linux {@code linux/psp-sev.h}, {@code struct sev_data_activate}.
 *
 * @param handle the guest
 * @param asid the ASID, from 1
 */
public record ActivateBuffer(int handle, int asid) {
  /** The packed layout, 8 bytes. */
  public static final StructLayout LAYOUT = struct("ACTIVATE", u32("HANDLE"), u32("ASID"));

  private static final Field HANDLE = Field.of(LAYOUT, "HANDLE");
  private static final Field ASID = Field.of(LAYOUT, "ASID");

  /** Decodes a copied buffer of at least 8 bytes; reserved members are not looked at here. */
  public static ActivateBuffer read(MemorySegment s) {
    return new ActivateBuffer(HANDLE.getInt(s), ASID.getInt(s));
  }

  /** Writes all fields; reserved members become zero. */
  public void write(MemorySegment s) {
    s.asSlice(0, LAYOUT.byteSize()).fill((byte) 0);
    HANDLE.set(s, handle);
    ASID.set(s, asid);
  }
}
