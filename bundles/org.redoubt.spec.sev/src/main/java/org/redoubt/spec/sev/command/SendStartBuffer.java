package org.redoubt.spec.sev.command;

import static org.redoubt.struct.Layouts.reserved;
import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u32;
import static org.redoubt.struct.Layouts.u64;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import org.redoubt.struct.Field;

/**
 * Command buffer of SEND_START: the certificates of the target, and where the session for it goes.
 *
 * <pre>
 * offset name               bytes  dir    meaning
 * 00h  HANDLE                  4  in     the guest
 * 04h  POLICY                  4  out    the guest's policy
 * 08h  PDH_CERT_PADDR          8  in     the target's PDH certificate
 * 10h  PDH_CERT_LEN            4  in     its length in bytes
 * 14h  RESERVED_1              4         must be zero
 * 18h  PLAT_CERTS_PADDR        8  in     the target's PEK, OCA and CEK certificates
 * 20h  PLAT_CERTS_LEN          4  in     their length in bytes
 * 24h  RESERVED_2              4         must be zero
 * 28h  AMD_CERTS_PADDR         8  in     the ASK and ARK above the target
 * 30h  AMD_CERTS_LEN           4  in     their length in bytes
 * 34h  RESERVED_3              4         must be zero
 * 38h  SESSION_PADDR           8  in     where the session goes
 * 40h  SESSION_LEN             4  in/out its length in bytes
 * </pre>
 *
 * <p>Source: Linux {@code linux/psp-sev.h}, {@code struct sev_data_send_start}.
 *
 * @param handle the guest
 * @param policy the guest's policy
 * @param pdhCertPaddr the target's PDH certificate
 * @param pdhCertLen its length in bytes
 * @param platCertsPaddr the target's PEK, OCA and CEK certificates
 * @param platCertsLen their length in bytes
 * @param amdCertsPaddr the ASK and ARK above the target
 * @param amdCertsLen their length in bytes
 * @param sessionPaddr where the session goes
 * @param sessionLen its length in bytes
 */
public record SendStartBuffer(
    int handle,
    int policy,
    long pdhCertPaddr,
    int pdhCertLen,
    long platCertsPaddr,
    int platCertsLen,
    long amdCertsPaddr,
    int amdCertsLen,
    long sessionPaddr,
    int sessionLen) {
  /** The packed layout, 68 bytes. */
  public static final StructLayout LAYOUT =
      struct(
          "SEND_START",
          u32("HANDLE"),
          u32("POLICY"),
          u64("PDH_CERT_PADDR"),
          u32("PDH_CERT_LEN"),
          reserved(4, "_1"),
          u64("PLAT_CERTS_PADDR"),
          u32("PLAT_CERTS_LEN"),
          reserved(4, "_2"),
          u64("AMD_CERTS_PADDR"),
          u32("AMD_CERTS_LEN"),
          reserved(4, "_3"),
          u64("SESSION_PADDR"),
          u32("SESSION_LEN"));

  private static final Field HANDLE = Field.of(LAYOUT, "HANDLE");
  private static final Field POLICY = Field.of(LAYOUT, "POLICY");
  private static final Field PDH_CERT_PADDR = Field.of(LAYOUT, "PDH_CERT_PADDR");
  private static final Field PDH_CERT_LEN = Field.of(LAYOUT, "PDH_CERT_LEN");
  private static final Field PLAT_CERTS_PADDR = Field.of(LAYOUT, "PLAT_CERTS_PADDR");
  private static final Field PLAT_CERTS_LEN = Field.of(LAYOUT, "PLAT_CERTS_LEN");
  private static final Field AMD_CERTS_PADDR = Field.of(LAYOUT, "AMD_CERTS_PADDR");
  private static final Field AMD_CERTS_LEN = Field.of(LAYOUT, "AMD_CERTS_LEN");
  private static final Field SESSION_PADDR = Field.of(LAYOUT, "SESSION_PADDR");
  private static final Field SESSION_LEN = Field.of(LAYOUT, "SESSION_LEN");

  /** Decodes a copied buffer of at least 68 bytes; reserved members are not looked at here. */
  public static SendStartBuffer read(MemorySegment s) {
    return new SendStartBuffer(
        HANDLE.getInt(s),
        POLICY.getInt(s),
        PDH_CERT_PADDR.get(s),
        PDH_CERT_LEN.getInt(s),
        PLAT_CERTS_PADDR.get(s),
        PLAT_CERTS_LEN.getInt(s),
        AMD_CERTS_PADDR.get(s),
        AMD_CERTS_LEN.getInt(s),
        SESSION_PADDR.get(s),
        SESSION_LEN.getInt(s));
  }

  /** Writes all fields; reserved members become zero. */
  public void write(MemorySegment s) {
    s.asSlice(0, LAYOUT.byteSize()).fill((byte) 0);
    HANDLE.set(s, handle);
    POLICY.set(s, policy);
    PDH_CERT_PADDR.set(s, pdhCertPaddr);
    PDH_CERT_LEN.set(s, pdhCertLen);
    PLAT_CERTS_PADDR.set(s, platCertsPaddr);
    PLAT_CERTS_LEN.set(s, platCertsLen);
    AMD_CERTS_PADDR.set(s, amdCertsPaddr);
    AMD_CERTS_LEN.set(s, amdCertsLen);
    SESSION_PADDR.set(s, sessionPaddr);
    SESSION_LEN.set(s, sessionLen);
  }
}
