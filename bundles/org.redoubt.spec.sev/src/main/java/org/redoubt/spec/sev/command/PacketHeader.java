package org.redoubt.spec.sev.command;

import static org.redoubt.struct.Layouts.bytes;
import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u32;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import org.redoubt.struct.Field;
import org.redoubt.struct.RawStructure;

/**
 * The header of a packet between guest owner, or another platform, and firmware: LAUNCH_SECRET,
 * SEND_UPDATE, RECEIVE_UPDATE.
 *
 * <pre>
 * 00h  FLAGS   4  bit 0: compressed; others reserved
 * 04h  IV     16  of AES-128-CTR under the TEK
 * 14h  MAC    32  HMAC-SHA256 under the TIK
 * </pre>
 *
 * <p>Source: virtee/sev {@code launch/sev.rs}, {@code Header}; AMDESE/sev-tool {@code sevapi.h},
 * {@code sev_hdr_buf}.
 */
public final class PacketHeader extends RawStructure {
  /** The packed layout, 52 bytes. */
  public static final StructLayout LAYOUT =
      struct("PACKET_HEADER", u32("FLAGS"), bytes(16, "IV"), bytes(32, "MAC"));

  /** FLAGS: the plain text is compressed. */
  public static final int FLAG_COMPRESSED = 1;

  private static final Field FLAGS = Field.of(LAYOUT, "FLAGS");
  private static final Field IV = Field.of(LAYOUT, "IV");
  private static final Field MAC = Field.of(LAYOUT, "MAC");

  /** Takes 52 bytes. */
  public PacketHeader(byte[] raw) {
    super(LAYOUT, raw);
  }

  /** Puts one together. */
  public static PacketHeader of(int flags, byte[] iv, byte[] mac) {
    byte[] raw = new byte[(int) LAYOUT.byteSize()];
    MemorySegment s = MemorySegment.ofArray(raw);
    FLAGS.set(s, flags);
    IV.setBytes(s, iv);
    MAC.setBytes(s, mac);
    return new PacketHeader(raw);
  }

  public int flags() {
    return FLAGS.getInt(segment());
  }

  public byte[] iv() {
    return IV.getBytes(segment());
  }

  public byte[] mac() {
    return MAC.getBytes(segment());
  }
}
