package org.redoubt.spec.sev.command;

import static org.redoubt.struct.Layouts.bytes;
import static org.redoubt.struct.Layouts.struct;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import org.redoubt.struct.Field;
import org.redoubt.struct.RawStructure;

/**
 * What LAUNCH_MEASURE gives out.
 *
 * <pre>
 * 00h  MEASURE  32  HMAC-SHA256 under the TIK of 04h, API major, API minor, build, policy, launch digest, MNONCE
 * 20h  MNONCE   16  chosen by the firmware
 * </pre>
 *
 * <p>Source: virtee/sev {@code launch/sev.rs}, {@code Measurement}; AMDESE/sev-tool {@code
 * sevapi.h}, {@code sev_measure_buf}.
 */
public final class Measurement extends RawStructure {
  /** The packed layout, 48 bytes. */
  public static final StructLayout LAYOUT =
      struct("MEASUREMENT", bytes(32, "MEASURE"), bytes(16, "MNONCE"));

  private static final Field MEASURE = Field.of(LAYOUT, "MEASURE");
  private static final Field MNONCE = Field.of(LAYOUT, "MNONCE");

  /** Takes 48 bytes. */
  public Measurement(byte[] raw) {
    super(LAYOUT, raw);
  }

  /** Puts one together of 32 and 16 bytes. */
  public static Measurement of(byte[] measure, byte[] mnonce) {
    byte[] raw = new byte[(int) LAYOUT.byteSize()];
    MemorySegment s = MemorySegment.ofArray(raw);
    MEASURE.setBytes(s, measure);
    MNONCE.setBytes(s, mnonce);
    return new Measurement(raw);
  }

  public byte[] measure() {
    return MEASURE.getBytes(segment());
  }

  public byte[] mnonce() {
    return MNONCE.getBytes(segment());
  }
}
