package org.redoubt.spec.sev.command;

import static org.redoubt.struct.Layouts.bytes;
import static org.redoubt.struct.Layouts.reserved;
import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u32;
import static org.redoubt.struct.Layouts.u64;

import java.lang.foreign.StructLayout;
import org.redoubt.struct.Field;
import org.redoubt.struct.RawStructure;

/**
 * Command buffer of ATTESTATION. With a length that is too short, it comes back as needed.
 *
 * <pre>
 * offset name               bytes  dir    meaning
 * 00h  HANDLE                  4  in     the guest
 * 04h  RESERVED                4         must be zero
 * 08h  PADDR                   8  in     where the {@link AttestationReport} goes
 * 10h  MNONCE                 16  in     goes into the report: shows that it is fresh
 * 20h  LENGTH                  4  in/out its length in bytes
 * </pre>
 *
 * <p>Source: Linux {@code linux/psp-sev.h}, {@code struct sev_data_attestation_report}.
 */
public final class AttestationBuffer extends RawStructure {
  /** The packed layout, 36 bytes. */
  public static final StructLayout LAYOUT =
      struct(
          "ATTESTATION",
          u32("HANDLE"),
          reserved(4, ""),
          u64("PADDR"),
          bytes(16, "MNONCE"),
          u32("LENGTH"));

  private static final Field HANDLE = Field.of(LAYOUT, "HANDLE");
  private static final Field PADDR = Field.of(LAYOUT, "PADDR");
  private static final Field MNONCE = Field.of(LAYOUT, "MNONCE");
  private static final Field LENGTH = Field.of(LAYOUT, "LENGTH");

  /** Takes 36 bytes. */
  public AttestationBuffer(byte[] raw) {
    super(LAYOUT, raw);
  }

  /** Puts one together; the nonce has 16 bytes. */
  public static AttestationBuffer of(int handle, long paddr, byte[] mnonce, int length) {
    byte[] raw = new byte[(int) LAYOUT.byteSize()];
    java.lang.foreign.MemorySegment s = java.lang.foreign.MemorySegment.ofArray(raw);
    HANDLE.set(s, handle);
    PADDR.set(s, paddr);
    MNONCE.setBytes(s, mnonce);
    LENGTH.set(s, length);
    return new AttestationBuffer(raw);
  }

  public int handle() {
    return HANDLE.getInt(segment());
  }

  public long paddr() {
    return PADDR.get(segment());
  }

  public byte[] mnonce() {
    return MNONCE.getBytes(segment());
  }

  public int length() {
    return LENGTH.getInt(segment());
  }

  /** Copies all bytes to a buffer of at least 36. */
  public void write(java.lang.foreign.MemorySegment s) {
    s.asSlice(0, LAYOUT.byteSize()).copyFrom(segment());
  }
}
