package org.redoubt.spec.sev.command;

import static org.redoubt.struct.Layouts.reserved;
import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u32;
import static org.redoubt.struct.Layouts.u64;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import org.redoubt.struct.Field;

/**
 * Command buffer of PDH_CERT_EXPORT. With a length that is too short, both lengths come back as
 * needed.
 *
 * <pre>
 * offset name               bytes  dir    meaning
 * 00h  PDH_CERT_PADDR          8  in     where the PDH certificate goes
 * 08h  PDH_CERT_LEN            4  in/out its length in bytes
 * 0Ch  RESERVED                4         must be zero
 * 10h  CERTS_PADDR             8  in     where PEK, OCA and CEK go
 * 18h  CERTS_LEN               4  in/out their length in bytes
 * </pre>
 *
 * <p>Source: Linux {@code linux/psp-sev.h}, {@code struct sev_data_pdh_cert_export}.
 *
 * @param pdhCertPaddr where the PDH certificate goes
 * @param pdhCertLen its length in bytes
 * @param certsPaddr where PEK, OCA and CEK go
 * @param certsLen their length in bytes
 */
public record PdhCertExportBuffer(
    long pdhCertPaddr, int pdhCertLen, long certsPaddr, int certsLen) {
  /** The packed layout, 28 bytes. */
  public static final StructLayout LAYOUT =
      struct(
          "PDH_CERT_EXPORT",
          u64("PDH_CERT_PADDR"),
          u32("PDH_CERT_LEN"),
          reserved(4, ""),
          u64("CERTS_PADDR"),
          u32("CERTS_LEN"));

  private static final Field PDH_CERT_PADDR = Field.of(LAYOUT, "PDH_CERT_PADDR");
  private static final Field PDH_CERT_LEN = Field.of(LAYOUT, "PDH_CERT_LEN");
  private static final Field CERTS_PADDR = Field.of(LAYOUT, "CERTS_PADDR");
  private static final Field CERTS_LEN = Field.of(LAYOUT, "CERTS_LEN");

  /** Decodes a copied buffer of at least 28 bytes; reserved members are not looked at here. */
  public static PdhCertExportBuffer read(MemorySegment s) {
    return new PdhCertExportBuffer(
        PDH_CERT_PADDR.get(s), PDH_CERT_LEN.getInt(s), CERTS_PADDR.get(s), CERTS_LEN.getInt(s));
  }

  /** Writes all fields; reserved members become zero. */
  public void write(MemorySegment s) {
    s.asSlice(0, LAYOUT.byteSize()).fill((byte) 0);
    PDH_CERT_PADDR.set(s, pdhCertPaddr);
    PDH_CERT_LEN.set(s, pdhCertLen);
    CERTS_PADDR.set(s, certsPaddr);
    CERTS_LEN.set(s, certsLen);
  }
}
