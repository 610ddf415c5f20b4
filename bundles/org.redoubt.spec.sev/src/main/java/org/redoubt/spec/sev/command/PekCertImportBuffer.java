package org.redoubt.spec.sev.command;

import static org.redoubt.struct.Layouts.reserved;
import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u32;
import static org.redoubt.struct.Layouts.u64;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import org.redoubt.struct.Field;

/**
 * Command buffer of PEK_CERT_IMPORT: the PEK certificate that a platform's owner has signed.
 *
 * <pre>
 * offset name               bytes  dir    meaning
 * 00h  PEK_CERT_PADDR          8  in     the PEK certificate
 * 08h  PEK_CERT_LEN            4  in     its length in bytes
 * 0Ch  RESERVED                4         must be zero
 * 10h  OCA_CERT_PADDR          8  in     the owner's certificate
 * 18h  OCA_CERT_LEN            4  in     its length in bytes
 * </pre>
 *
 * <p>Source: Linux {@code linux/psp-sev.h}, {@code struct sev_data_pek_cert_import}.
 *
 * @param pekCertPaddr the PEK certificate
 * @param pekCertLen its length in bytes
 * @param ocaCertPaddr the owner's certificate
 * @param ocaCertLen its length in bytes
 */
public record PekCertImportBuffer(
    long pekCertPaddr, int pekCertLen, long ocaCertPaddr, int ocaCertLen) {
  /** The packed layout, 28 bytes. */
  public static final StructLayout LAYOUT =
      struct(
          "PEK_CERT_IMPORT",
          u64("PEK_CERT_PADDR"),
          u32("PEK_CERT_LEN"),
          reserved(4, ""),
          u64("OCA_CERT_PADDR"),
          u32("OCA_CERT_LEN"));

  private static final Field PEK_CERT_PADDR = Field.of(LAYOUT, "PEK_CERT_PADDR");
  private static final Field PEK_CERT_LEN = Field.of(LAYOUT, "PEK_CERT_LEN");
  private static final Field OCA_CERT_PADDR = Field.of(LAYOUT, "OCA_CERT_PADDR");
  private static final Field OCA_CERT_LEN = Field.of(LAYOUT, "OCA_CERT_LEN");

  /** Decodes a copied buffer of at least 28 bytes; reserved members are not looked at here. */
  public static PekCertImportBuffer read(MemorySegment s) {
    return new PekCertImportBuffer(
        PEK_CERT_PADDR.get(s),
        PEK_CERT_LEN.getInt(s),
        OCA_CERT_PADDR.get(s),
        OCA_CERT_LEN.getInt(s));
  }

  /** Writes all fields; reserved members become zero. */
  public void write(MemorySegment s) {
    s.asSlice(0, LAYOUT.byteSize()).fill((byte) 0);
    PEK_CERT_PADDR.set(s, pekCertPaddr);
    PEK_CERT_LEN.set(s, pekCertLen);
    OCA_CERT_PADDR.set(s, ocaCertPaddr);
    OCA_CERT_LEN.set(s, ocaCertLen);
  }
}
