package org.redoubt.spec.sev.command;

import static org.redoubt.struct.Layouts.reserved;
import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u32;
import static org.redoubt.struct.Layouts.u64;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import org.redoubt.struct.Field;

/**
 * Command buffer of LAUNCH_UPDATE_DATA and LAUNCH_UPDATE_VMSA: memory to measure and encrypt in
 * place.
 *
 * <pre>
 * offset name               bytes  dir    meaning
 * 00h  HANDLE                  4  in     the guest
 * 04h  RESERVED                4         must be zero
 * 08h  PADDR                   8  in     first address
 * 10h  LENGTH                  4  in     bytes
 * </pre>
 *
 * <p>Source: Linux {@code linux/psp-sev.h}, {@code struct sev_data_launch_update_data}, {@code
 * sev_data_launch_update_vmsa}.
 *
 * @param handle the guest
 * @param paddr first address
 * @param length bytes
 */
public record LaunchUpdateBuffer(int handle, long paddr, int length) {
  /** The packed layout, 20 bytes. */
  public static final StructLayout LAYOUT =
      struct("LAUNCH_UPDATE", u32("HANDLE"), reserved(4, ""), u64("PADDR"), u32("LENGTH"));

  private static final Field HANDLE = Field.of(LAYOUT, "HANDLE");
  private static final Field PADDR = Field.of(LAYOUT, "PADDR");
  private static final Field LENGTH = Field.of(LAYOUT, "LENGTH");

  /** Decodes a copied buffer of at least 20 bytes; reserved members are not looked at here. */
  public static LaunchUpdateBuffer read(MemorySegment s) {
    return new LaunchUpdateBuffer(HANDLE.getInt(s), PADDR.get(s), LENGTH.getInt(s));
  }

  /** Writes all fields; reserved members become zero. */
  public void write(MemorySegment s) {
    s.asSlice(0, LAYOUT.byteSize()).fill((byte) 0);
    HANDLE.set(s, handle);
    PADDR.set(s, paddr);
    LENGTH.set(s, length);
  }
}
