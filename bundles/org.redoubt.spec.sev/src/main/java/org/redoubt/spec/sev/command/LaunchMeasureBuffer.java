package org.redoubt.spec.sev.command;

import static org.redoubt.struct.Layouts.reserved;
import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u32;
import static org.redoubt.struct.Layouts.u64;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import org.redoubt.struct.Field;

/**
 * Command buffer of LAUNCH_MEASURE. With a length that is too short, the length comes back as
 * needed.
 *
 * <pre>
 * offset name               bytes  dir    meaning
 * 00h  HANDLE                  4  in     the guest
 * 04h  RESERVED                4         must be zero
 * 08h  MEASURE_PADDR           8  in     where the {@link Measurement} goes
 * 10h  MEASURE_LEN             4  in/out its length in bytes
 * </pre>
 *
 * <p>Source: Linux {@code linux/psp-sev.h}, {@code struct sev_data_launch_measure}.
 *
 * @param handle the guest
 * @param measurePaddr where the {@link Measurement} goes
 * @param measureLen its length in bytes
 */
public record LaunchMeasureBuffer(int handle, long measurePaddr, int measureLen) {
  /** The packed layout, 20 bytes. */
  public static final StructLayout LAYOUT =
      struct(
          "LAUNCH_MEASURE",
          u32("HANDLE"),
          reserved(4, ""),
          u64("MEASURE_PADDR"),
          u32("MEASURE_LEN"));

  private static final Field HANDLE = Field.of(LAYOUT, "HANDLE");
  private static final Field MEASURE_PADDR = Field.of(LAYOUT, "MEASURE_PADDR");
  private static final Field MEASURE_LEN = Field.of(LAYOUT, "MEASURE_LEN");

  /** Decodes a copied buffer of at least 20 bytes; reserved members are not looked at here. */
  public static LaunchMeasureBuffer read(MemorySegment s) {
    return new LaunchMeasureBuffer(HANDLE.getInt(s), MEASURE_PADDR.get(s), MEASURE_LEN.getInt(s));
  }

  /** Writes all fields; reserved members become zero. */
  public void write(MemorySegment s) {
    s.asSlice(0, LAYOUT.byteSize()).fill((byte) 0);
    HANDLE.set(s, handle);
    MEASURE_PADDR.set(s, measurePaddr);
    MEASURE_LEN.set(s, measureLen);
  }
}
