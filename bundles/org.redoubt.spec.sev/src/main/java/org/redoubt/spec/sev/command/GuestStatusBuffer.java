package org.redoubt.spec.sev.command;

import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u32;
import static org.redoubt.struct.Layouts.u8;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import org.redoubt.struct.Field;

/**
 * Command buffer of GUEST_STATUS.
 *
 * <pre>
 * offset name               bytes  dir    meaning
 * 00h  HANDLE                  4  in     the guest
 * 04h  POLICY                  4  out    {@link org.redoubt.spec.sev.GuestPolicy}
 * 08h  ASID                    4  out    its ASID, 0 for none
 * 0Ch  STATE                   1  out    {@link org.redoubt.spec.sev.GuestState}
 * </pre>
 *
 * <p>Source: Linux {@code linux/psp-sev.h}, {@code struct sev_data_guest_status}.
 *
 * @param handle the guest
 * @param policy {@link org.redoubt.spec.sev.GuestPolicy}
 * @param asid its ASID, 0 for none
 * @param state {@link org.redoubt.spec.sev.GuestState}
 */
public record GuestStatusBuffer(int handle, int policy, int asid, int state) {
  /** The packed layout, 13 bytes. */
  public static final StructLayout LAYOUT =
      struct("GUEST_STATUS", u32("HANDLE"), u32("POLICY"), u32("ASID"), u8("STATE"));

  private static final Field HANDLE = Field.of(LAYOUT, "HANDLE");
  private static final Field POLICY = Field.of(LAYOUT, "POLICY");
  private static final Field ASID = Field.of(LAYOUT, "ASID");
  private static final Field STATE = Field.of(LAYOUT, "STATE");

  /** Decodes a copied buffer of at least 13 bytes; reserved members are not looked at here. */
  public static GuestStatusBuffer read(MemorySegment s) {
    return new GuestStatusBuffer(
        HANDLE.getInt(s), POLICY.getInt(s), ASID.getInt(s), STATE.getInt(s));
  }

  /** Writes all fields; reserved members become zero. */
  public void write(MemorySegment s) {
    s.asSlice(0, LAYOUT.byteSize()).fill((byte) 0);
    HANDLE.set(s, handle);
    POLICY.set(s, policy);
    ASID.set(s, asid);
    STATE.set(s, state);
  }
}
