package org.redoubt.spec.sev.cert;

import static org.redoubt.struct.Layouts.bytes;
import static org.redoubt.struct.Layouts.reserved;
import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u32;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.util.Arrays;
import org.redoubt.struct.Field;
import org.redoubt.struct.RawStructure;

/**
 * A certificate in the CA format, version 1: ARK and ASK. RSA with 2048 bits (832 bytes, Naples) or
 * 4096 (1,600 bytes, Rome and on). All integers are little-endian. Holds any bytes of one of the
 * two sizes; whether they make sense is for {@code crypto} to say.
 *
 * <pre>
 *          offset  bytes
 * VERSION       0h     4  1
 * KEY_ID        4h    16  name of this key
 * CERTIFYING_ID 14h   16  name of the key that signed it
 * KEY_USAGE     24h    4  {@link Usage#ARK} or {@link Usage#ASK}
 * RESERVED      28h   16  must be zero
 * PUBEXP_SIZE   38h    4  bits of PUBEXP, 2048 or 4096
 * MODULUS_SIZE  3Ch    4  bits of MODULUS, the same
 * PUBEXP        40h    n  n = 256 or 512
 * MODULUS   40h + n    n
 * SIG       40h + 2n   n
 * </pre>
 *
 * <p>Signed are the bytes up to the end of MODULUS, by RSA-PSS with SHA-256 (2048 bits) or SHA-384
 * (4096), salt as long as the digest. Source: AMDESE/sev-tool {@code sevapi.h}, {@code amd_cert};
 * virtee/sev {@code certs/sev/ca}; AMD-made certificates of a Rome platform.
 */
public final class CaCertificate extends RawStructure {
  /** Bytes of a certificate with an RSA key of 2048 bits. */
  public static final int BYTES_2048 = 832;

  /** Bytes of a certificate with an RSA key of 4096 bits. */
  public static final int BYTES_4096 = 1600;

  /** The only version. */
  public static final int VERSION_1 = 1;

  /** Bytes of a key's name. */
  public static final int KEY_ID_BYTES = 16;

  /** The packed layout with 2048 bits, 832 bytes. */
  public static final StructLayout LAYOUT_2048 = layout(256);

  /** The packed layout with 4096 bits, 1,600 bytes. */
  public static final StructLayout LAYOUT_4096 = layout(512);

  private static final Field VERSION = Field.of(LAYOUT_4096, "VERSION");
  private static final Field KEY_ID = Field.of(LAYOUT_4096, "KEY_ID");
  private static final Field CERTIFYING_ID = Field.of(LAYOUT_4096, "CERTIFYING_ID");
  private static final Field KEY_USAGE = Field.of(LAYOUT_4096, "KEY_USAGE");
  private static final Field PUBEXP_SIZE = Field.of(LAYOUT_4096, "PUBEXP_SIZE");
  private static final Field MODULUS_SIZE = Field.of(LAYOUT_4096, "MODULUS_SIZE");

  private final StructLayout layout;

  /**
   * Takes 832 or 1,600 bytes.
   *
   * @throws IllegalArgumentException at any other length
   */
  public CaCertificate(byte[] raw) {
    super(raw.length == BYTES_2048 ? LAYOUT_2048 : LAYOUT_4096, raw);
    layout = raw.length == BYTES_2048 ? LAYOUT_2048 : LAYOUT_4096;
  }

  private static StructLayout layout(int n) {
    return struct(
        "CA_CERT",
        u32("VERSION"),
        bytes(KEY_ID_BYTES, "KEY_ID"),
        bytes(KEY_ID_BYTES, "CERTIFYING_ID"),
        u32("KEY_USAGE"),
        reserved(16, ""),
        u32("PUBEXP_SIZE"),
        u32("MODULUS_SIZE"),
        bytes(n, "PUBEXP"),
        bytes(n, "MODULUS"),
        bytes(n, "SIG"));
  }

  /**
   * A certificate without a signature.
   *
   * @param bits 2048 or 4096
   * @param exponent little-endian
   * @param modulus little-endian
   */
  public static CaCertificate unsigned(
      int bits, byte[] keyId, byte[] certifyingId, Usage usage, byte[] exponent, byte[] modulus) {
    StructLayout layout = layout(bits / 8);
    byte[] raw = new byte[(int) layout.byteSize()];
    MemorySegment s = MemorySegment.ofArray(raw);
    VERSION.set(s, VERSION_1);
    KEY_ID.setBytes(s, keyId);
    CERTIFYING_ID.setBytes(s, certifyingId);
    KEY_USAGE.set(s, usage.code());
    PUBEXP_SIZE.set(s, bits);
    MODULUS_SIZE.set(s, bits);
    Field.of(layout, "PUBEXP").setBytes(s, exponent);
    Field.of(layout, "MODULUS").setBytes(s, modulus);
    return new CaCertificate(raw);
  }

  /** A copy with this signature, little-endian. */
  public CaCertificate withSignature(byte[] signature) {
    byte[] raw = toBytes();
    Field.of(layout, "SIG").setBytes(MemorySegment.ofArray(raw), signature);
    return new CaCertificate(raw);
  }

  /** The layout of this certificate's size. */
  public StructLayout layout() {
    return layout;
  }

  /** Bits of RSA that the size of this certificate has room for: 2048 or 4096. */
  public int bits() {
    return layout == LAYOUT_2048 ? 2048 : 4096;
  }

  public int version() {
    return VERSION.getInt(segment());
  }

  public byte[] keyId() {
    return KEY_ID.getBytes(segment());
  }

  public byte[] certifyingId() {
    return CERTIFYING_ID.getBytes(segment());
  }

  /** The raw usage: see {@link Usage#of}. */
  public int usage() {
    return KEY_USAGE.getInt(segment());
  }

  public int exponentBits() {
    return PUBEXP_SIZE.getInt(segment());
  }

  public int modulusBits() {
    return MODULUS_SIZE.getInt(segment());
  }

  /** Little-endian. */
  public byte[] exponent() {
    return Field.of(layout, "PUBEXP").getBytes(segment());
  }

  /** Little-endian. */
  public byte[] modulus() {
    return Field.of(layout, "MODULUS").getBytes(segment());
  }

  /** Little-endian. */
  public byte[] signature() {
    return Field.of(layout, "SIG").getBytes(segment());
  }

  /** A copy of the signed bytes. */
  public byte[] body() {
    return Arrays.copyOf(toBytes(), (int) Field.of(layout, "SIG").offset());
  }
}
