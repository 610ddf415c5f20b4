package org.redoubt.spec.sev.command;

import static org.redoubt.struct.Layouts.reserved;
import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u32;
import static org.redoubt.struct.Layouts.u64;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import org.redoubt.struct.Field;

/**
 * Command buffer of LAUNCH_SECRET (a packet from the guest owner into the guest), and of
 * SEND_UPDATE_DATA, SEND_UPDATE_VMSA, RECEIVE_UPDATE_DATA and RECEIVE_UPDATE_VMSA (a packet between
 * platforms).
 *
 * <pre>
 * offset name               bytes  dir    meaning
 * 00h  HANDLE                  4  in     the guest
 * 04h  RESERVED_1              4         must be zero
 * 08h  HDR_PADDR               8  in     the {@link PacketHeader}
 * 10h  HDR_LEN                 4  in     its length in bytes
 * 14h  RESERVED_2              4         must be zero
 * 18h  GUEST_PADDR             8  in     where the plain text goes, under the guest's key
 * 20h  GUEST_LEN               4  in     its length in bytes
 * 24h  RESERVED_3              4         must be zero
 * 28h  TRANS_PADDR             8  in     the ciphertext
 * 30h  TRANS_LEN               4  in     its length in bytes
 * </pre>
 *
 * <p>Source: Linux {@code linux/psp-sev.h}, {@code struct sev_data_launch_secret}.
 *
 * @param handle the guest
 * @param hdrPaddr the {@link PacketHeader}
 * @param hdrLen its length in bytes
 * @param guestPaddr where the plain text goes, under the guest's key
 * @param guestLen its length in bytes
 * @param transPaddr the ciphertext
 * @param transLen its length in bytes
 */
public record LaunchSecretBuffer(
    int handle,
    long hdrPaddr,
    int hdrLen,
    long guestPaddr,
    int guestLen,
    long transPaddr,
    int transLen) {
  /** The packed layout, 52 bytes. */
  public static final StructLayout LAYOUT =
      struct(
          "LAUNCH_SECRET",
          u32("HANDLE"),
          reserved(4, "_1"),
          u64("HDR_PADDR"),
          u32("HDR_LEN"),
          reserved(4, "_2"),
          u64("GUEST_PADDR"),
          u32("GUEST_LEN"),
          reserved(4, "_3"),
          u64("TRANS_PADDR"),
          u32("TRANS_LEN"));

  private static final Field HANDLE = Field.of(LAYOUT, "HANDLE");
  private static final Field HDR_PADDR = Field.of(LAYOUT, "HDR_PADDR");
  private static final Field HDR_LEN = Field.of(LAYOUT, "HDR_LEN");
  private static final Field GUEST_PADDR = Field.of(LAYOUT, "GUEST_PADDR");
  private static final Field GUEST_LEN = Field.of(LAYOUT, "GUEST_LEN");
  private static final Field TRANS_PADDR = Field.of(LAYOUT, "TRANS_PADDR");
  private static final Field TRANS_LEN = Field.of(LAYOUT, "TRANS_LEN");

  /** Decodes a copied buffer of at least 52 bytes; reserved members are not looked at here. */
  public static LaunchSecretBuffer read(MemorySegment s) {
    return new LaunchSecretBuffer(
        HANDLE.getInt(s),
        HDR_PADDR.get(s),
        HDR_LEN.getInt(s),
        GUEST_PADDR.get(s),
        GUEST_LEN.getInt(s),
        TRANS_PADDR.get(s),
        TRANS_LEN.getInt(s));
  }

  /** Writes all fields; reserved members become zero. */
  public void write(MemorySegment s) {
    s.asSlice(0, LAYOUT.byteSize()).fill((byte) 0);
    HANDLE.set(s, handle);
    HDR_PADDR.set(s, hdrPaddr);
    HDR_LEN.set(s, hdrLen);
    GUEST_PADDR.set(s, guestPaddr);
    GUEST_LEN.set(s, guestLen);
    TRANS_PADDR.set(s, transPaddr);
    TRANS_LEN.set(s, transLen);
  }
}
