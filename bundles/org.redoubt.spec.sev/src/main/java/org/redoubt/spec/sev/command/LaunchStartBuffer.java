package org.redoubt.spec.sev.command;

import static org.redoubt.struct.Layouts.reserved;
import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u32;
import static org.redoubt.struct.Layouts.u64;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import org.redoubt.struct.Field;

/**
 * Command buffer of LAUNCH_START, which makes a guest with its keys, and of RECEIVE_START, where
 * certificate and session are those of the sending platform.
 *
 * <pre>
 * offset name               bytes  dir    meaning
 * 00h  HANDLE                  4  in/out 0 for a new key, or the guest whose key is shared; the new guest
 * 04h  POLICY                  4  in     {@link org.redoubt.spec.sev.GuestPolicy}
 * 08h  DH_CERT_PADDR           8  in     the owner's DH certificate; 0 for none
 * 10h  DH_CERT_LEN             4  in     its length in bytes
 * 14h  RESERVED                4         must be zero
 * 18h  SESSION_PADDR           8  in     {@link SessionBlob}; 0 for none
 * 20h  SESSION_LEN             4  in     its length in bytes
 * </pre>
 *
 * <p>Source: Linux {@code linux/psp-sev.h}, {@code struct sev_data_launch_start}.
 *
 * @param handle 0 for a new key, or the guest whose key is shared; the new guest
 * @param policy {@link org.redoubt.spec.sev.GuestPolicy}
 * @param dhCertPaddr the owner's DH certificate; 0 for none
 * @param dhCertLen its length in bytes
 * @param sessionPaddr {@link SessionBlob}; 0 for none
 * @param sessionLen its length in bytes
 */
public record LaunchStartBuffer(
    int handle, int policy, long dhCertPaddr, int dhCertLen, long sessionPaddr, int sessionLen) {
  /** The packed layout, 36 bytes. */
  public static final StructLayout LAYOUT =
      struct(
          "LAUNCH_START",
          u32("HANDLE"),
          u32("POLICY"),
          u64("DH_CERT_PADDR"),
          u32("DH_CERT_LEN"),
          reserved(4, ""),
          u64("SESSION_PADDR"),
          u32("SESSION_LEN"));

  private static final Field HANDLE = Field.of(LAYOUT, "HANDLE");
  private static final Field POLICY = Field.of(LAYOUT, "POLICY");
  private static final Field DH_CERT_PADDR = Field.of(LAYOUT, "DH_CERT_PADDR");
  private static final Field DH_CERT_LEN = Field.of(LAYOUT, "DH_CERT_LEN");
  private static final Field SESSION_PADDR = Field.of(LAYOUT, "SESSION_PADDR");
  private static final Field SESSION_LEN = Field.of(LAYOUT, "SESSION_LEN");

  /** Decodes a copied buffer of at least 36 bytes; reserved members are not looked at here. */
  public static LaunchStartBuffer read(MemorySegment s) {
    return new LaunchStartBuffer(
        HANDLE.getInt(s),
        POLICY.getInt(s),
        DH_CERT_PADDR.get(s),
        DH_CERT_LEN.getInt(s),
        SESSION_PADDR.get(s),
        SESSION_LEN.getInt(s));
  }

  /** Writes all fields; reserved members become zero. */
  public void write(MemorySegment s) {
    s.asSlice(0, LAYOUT.byteSize()).fill((byte) 0);
    HANDLE.set(s, handle);
    POLICY.set(s, policy);
    DH_CERT_PADDR.set(s, dhCertPaddr);
    DH_CERT_LEN.set(s, dhCertLen);
    SESSION_PADDR.set(s, sessionPaddr);
    SESSION_LEN.set(s, sessionLen);
  }
}
