package org.redoubt.spec.sev.command;

import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u32;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import org.redoubt.struct.Field;

/**
 * Command buffer of the commands that take a guest and nothing else: DECOMMISSION, DEACTIVATE,
 * LAUNCH_FINISH, SEND_FINISH, SEND_CANCEL, RECEIVE_FINISH.
 *
 * <pre>
 * offset name               bytes  dir    meaning
 * 00h  HANDLE                  4  in     the guest
 * </pre>
 *
 * <p>Source: Linux {@code linux/psp-sev.h}, {@code struct sev_data_decommission}, {@code
 * sev_data_deactivate}, {@code sev_data_launch_finish}.
 *
 * @param handle the guest
 */
public record HandleBuffer(int handle) {
  /** The packed layout, 4 bytes. */
  public static final StructLayout LAYOUT = struct("HANDLE", u32("HANDLE"));

  private static final Field HANDLE = Field.of(LAYOUT, "HANDLE");

  /** Decodes a copied buffer of at least 4 bytes; reserved members are not looked at here. */
  public static HandleBuffer read(MemorySegment s) {
    return new HandleBuffer(HANDLE.getInt(s));
  }

  /** Writes all fields; reserved members become zero. */
  public void write(MemorySegment s) {
    s.asSlice(0, LAYOUT.byteSize()).fill((byte) 0);
    HANDLE.set(s, handle);
  }
}
