package org.redoubt.spec.sev.command;

import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u32;
import static org.redoubt.struct.Layouts.u64;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import org.redoubt.struct.Field;

/**
 * Command buffer of PEK_CSR. With a length that is too short, it comes back as needed.
 *
 * <pre>
 * offset name               bytes  dir    meaning
 * 00h  CSR_PADDR               8  in     where the request goes: a PEK certificate without signatures
 * 08h  CSR_LEN                 4  in/out its length in bytes
 * </pre>
 *
 * <p>Source: Linux {@code linux/psp-sev.h}, {@code struct sev_data_pek_csr}.
 *
 * @param csrPaddr where the request goes: a PEK certificate without signatures
 * @param csrLen its length in bytes
 */
public record PekCsrBuffer(long csrPaddr, int csrLen) {
  /** The packed layout, 12 bytes. */
  public static final StructLayout LAYOUT = struct("PEK_CSR", u64("CSR_PADDR"), u32("CSR_LEN"));

  private static final Field CSR_PADDR = Field.of(LAYOUT, "CSR_PADDR");
  private static final Field CSR_LEN = Field.of(LAYOUT, "CSR_LEN");

  /** Decodes a copied buffer of at least 12 bytes; reserved members are not looked at here. */
  public static PekCsrBuffer read(MemorySegment s) {
    return new PekCsrBuffer(CSR_PADDR.get(s), CSR_LEN.getInt(s));
  }

  /** Writes all fields; reserved members become zero. */
  public void write(MemorySegment s) {
    s.asSlice(0, LAYOUT.byteSize()).fill((byte) 0);
    CSR_PADDR.set(s, csrPaddr);
    CSR_LEN.set(s, csrLen);
  }
}
