package org.redoubt.spec.sev.command;

import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u32;
import static org.redoubt.struct.Layouts.u8;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import org.redoubt.struct.Field;

/**
 * Command buffer of PLATFORM_STATUS: all of it is output.
 *
 * <pre>
 * offset name               bytes  dir    meaning
 * 00h  API_MAJOR               1  out    API version
 * 01h  API_MINOR               1  out    API version
 * 02h  STATE                   1  out    {@link org.redoubt.spec.sev.PlatformState}
 * 03h  FLAGS                   4  out    bit 0: owned externally; bit 8: SEV-ES is initialized
 * 07h  BUILD                   1  out    build of this API version
 * 08h  GUEST_COUNT             4  out    guests the firmware holds
 * </pre>
 *
 * <p>Source: Linux {@code uapi/linux/psp-sev.h}, {@code struct sev_user_data_status}; bits of
 * FLAGS: AMDESE/sev-tool {@code sevapi.h} and virtee/sev.
 *
 * @param apiMajor API version
 * @param apiMinor API version
 * @param state {@link org.redoubt.spec.sev.PlatformState}
 * @param flags bit 0: owned externally; bit 8: SEV-ES is initialized
 * @param build build of this API version
 * @param guestCount guests the firmware holds
 */
public record PlatformStatusBuffer(
    int apiMajor, int apiMinor, int state, int flags, int build, int guestCount) {
  /** The packed layout, 12 bytes. */
  public static final StructLayout LAYOUT =
      struct(
          "PLATFORM_STATUS",
          u8("API_MAJOR"),
          u8("API_MINOR"),
          u8("STATE"),
          u32("FLAGS"),
          u8("BUILD"),
          u32("GUEST_COUNT"));

  private static final Field API_MAJOR = Field.of(LAYOUT, "API_MAJOR");
  private static final Field API_MINOR = Field.of(LAYOUT, "API_MINOR");
  private static final Field STATE = Field.of(LAYOUT, "STATE");
  private static final Field FLAGS = Field.of(LAYOUT, "FLAGS");
  private static final Field BUILD = Field.of(LAYOUT, "BUILD");
  private static final Field GUEST_COUNT = Field.of(LAYOUT, "GUEST_COUNT");

  /** Decodes a copied buffer of at least 12 bytes; reserved members are not looked at here. */
  public static PlatformStatusBuffer read(MemorySegment s) {
    return new PlatformStatusBuffer(
        API_MAJOR.getInt(s),
        API_MINOR.getInt(s),
        STATE.getInt(s),
        FLAGS.getInt(s),
        BUILD.getInt(s),
        GUEST_COUNT.getInt(s));
  }

  /** Writes all fields; reserved members become zero. */
  public void write(MemorySegment s) {
    s.asSlice(0, LAYOUT.byteSize()).fill((byte) 0);
    API_MAJOR.set(s, apiMajor);
    API_MINOR.set(s, apiMinor);
    STATE.set(s, state);
    FLAGS.set(s, flags);
    BUILD.set(s, build);
    GUEST_COUNT.set(s, guestCount);
  }

  /** FLAGS: the platform has an owner other than itself. */
  public static final int FLAG_OWNED = 1;

  /** FLAGS: SEV-ES is initialized. */
  public static final int FLAG_ES = 1 << 8;
}
