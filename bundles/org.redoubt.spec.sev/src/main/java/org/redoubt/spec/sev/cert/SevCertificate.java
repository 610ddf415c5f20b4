package org.redoubt.spec.sev.cert;

import static org.redoubt.struct.Layouts.bytes;
import static org.redoubt.struct.Layouts.reserved;
import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u32;
import static org.redoubt.struct.Layouts.u8;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.util.Arrays;
import org.redoubt.struct.Field;
import org.redoubt.struct.RawStructure;

/**
 * A certificate in the SEV format, version 1: CEK, OCA, PEK, PDH, and a guest owner's DH
 * certificate. All integers and coordinates are little-endian. Holds any 2,084 bytes; whether they
 * make sense is for {@code crypto} to say.
 *
 * <pre>
 *   0h  VERSION          4  1
 *   4h  API_MAJOR        1  of the firmware that made it
 *   5h  API_MINOR        1
 *   6h  RESERVED         2  must be zero
 *   8h  PUBKEY_USAGE     4  {@link Usage}
 *   Ch  PUBKEY_ALGO      4  {@link Algorithm}
 *  10h  CURVE            4  2 is P-384                         \
 *  14h  QX              72  public point                        | PUBKEY, when it is
 *  5Ch  QY              72                                      | an elliptic-curve key
 *  A4h  RESERVED_KEY   880  must be zero                       /
 * 414h  SIG1_USAGE       4  {@link Usage} of the signing key; INVALID: slot is empty
 * 418h  SIG1_ALGO        4  {@link Algorithm}
 * 41Ch  SIG1           512  ECDSA: R 72, S 72, zeros; RSA: the signature
 * 61Ch  SIG2_USAGE       4
 * 620h  SIG2_ALGO        4
 * 624h  SIG2           512
 * </pre>
 *
 * <p>Signed are the bytes from VERSION to the end of PUBKEY. Source: AMDESE/sev-tool {@code
 * sevapi.h}, {@code sev_cert}; virtee/sev {@code certs/sev}; and AMD-made certificates of a Rome
 * platform.
 */
public final class SevCertificate extends RawStructure {
  /** Bytes of a certificate. */
  public static final int BYTES = 2084;

  /** The signed bytes are the first so many. */
  public static final int BODY_BYTES = 0x414;

  /** The only version. */
  public static final int VERSION_1 = 1;

  /** CURVE: P-384. */
  public static final int CURVE_P384 = 2;

  /** Bytes of a coordinate or signature component as stored; P-384 uses the first 48. */
  public static final int COMPONENT_BYTES = 72;

  /** The packed layout, 2,084 bytes. */
  public static final StructLayout LAYOUT =
      struct(
          "SEV_CERT",
          u32("VERSION"),
          u8("API_MAJOR"),
          u8("API_MINOR"),
          reserved(2, ""),
          u32("PUBKEY_USAGE"),
          u32("PUBKEY_ALGO"),
          u32("CURVE"),
          bytes(COMPONENT_BYTES, "QX"),
          bytes(COMPONENT_BYTES, "QY"),
          reserved(880, "_KEY"),
          u32("SIG1_USAGE"),
          u32("SIG1_ALGO"),
          bytes(512, "SIG1"),
          u32("SIG2_USAGE"),
          u32("SIG2_ALGO"),
          bytes(512, "SIG2"));

  private static final Field VERSION = Field.of(LAYOUT, "VERSION");
  private static final Field API_MAJOR = Field.of(LAYOUT, "API_MAJOR");
  private static final Field API_MINOR = Field.of(LAYOUT, "API_MINOR");
  private static final Field PUBKEY_USAGE = Field.of(LAYOUT, "PUBKEY_USAGE");
  private static final Field PUBKEY_ALGO = Field.of(LAYOUT, "PUBKEY_ALGO");
  private static final Field CURVE = Field.of(LAYOUT, "CURVE");
  private static final Field QX = Field.of(LAYOUT, "QX");
  private static final Field QY = Field.of(LAYOUT, "QY");
  private static final Field[] SIG_USAGE = {
    Field.of(LAYOUT, "SIG1_USAGE"), Field.of(LAYOUT, "SIG2_USAGE")
  };
  private static final Field[] SIG_ALGO = {
    Field.of(LAYOUT, "SIG1_ALGO"), Field.of(LAYOUT, "SIG2_ALGO")
  };
  private static final Field[] SIG = {Field.of(LAYOUT, "SIG1"), Field.of(LAYOUT, "SIG2")};

  /** Takes 2,084 bytes. */
  public SevCertificate(byte[] raw) {
    super(LAYOUT, raw);
  }

  /**
   * A certificate for a P-384 key, both signature slots empty.
   *
   * @param qx the point's coordinate, little-endian, at most 72 bytes
   * @param qy the point's coordinate, little-endian, at most 72 bytes
   */
  public static SevCertificate unsigned(
      int apiMajor, int apiMinor, Usage usage, Algorithm algorithm, byte[] qx, byte[] qy) {
    byte[] raw = new byte[BYTES];
    MemorySegment s = MemorySegment.ofArray(raw);
    VERSION.set(s, VERSION_1);
    API_MAJOR.set(s, apiMajor);
    API_MINOR.set(s, apiMinor);
    PUBKEY_USAGE.set(s, usage.code());
    PUBKEY_ALGO.set(s, algorithm.code());
    CURVE.set(s, CURVE_P384);
    QX.setBytes(s, qx);
    QY.setBytes(s, qy);
    SIG_USAGE[0].set(s, Usage.INVALID.code());
    SIG_USAGE[1].set(s, Usage.INVALID.code());
    return new SevCertificate(raw);
  }

  /** A copy with a signature of at most 512 bytes in {@code slot} 0 or 1. */
  public SevCertificate withSignature(
      int slot, Usage signer, Algorithm algorithm, byte[] signature) {
    byte[] raw = toBytes();
    MemorySegment s = MemorySegment.ofArray(raw);
    SIG_USAGE[slot].set(s, signer.code());
    SIG_ALGO[slot].set(s, algorithm.code());
    SIG[slot].setBytes(s, signature);
    return new SevCertificate(raw);
  }

  /** A copy with both signature slots empty: what is to be signed. */
  public SevCertificate withoutSignatures() {
    byte[] raw = Arrays.copyOf(body(), BYTES);
    MemorySegment s = MemorySegment.ofArray(raw);
    SIG_USAGE[0].set(s, Usage.INVALID.code());
    SIG_USAGE[1].set(s, Usage.INVALID.code());
    return new SevCertificate(raw);
  }

  public int version() {
    return VERSION.getInt(segment());
  }

  public int apiMajor() {
    return API_MAJOR.getInt(segment());
  }

  public int apiMinor() {
    return API_MINOR.getInt(segment());
  }

  /** The raw usage: see {@link Usage#of}. */
  public int usage() {
    return PUBKEY_USAGE.getInt(segment());
  }

  /** The raw algorithm: see {@link Algorithm#of}. */
  public int algorithm() {
    return PUBKEY_ALGO.getInt(segment());
  }

  public int curve() {
    return CURVE.getInt(segment());
  }

  /** 72 bytes, little-endian. */
  public byte[] qx() {
    return QX.getBytes(segment());
  }

  /** 72 bytes, little-endian. */
  public byte[] qy() {
    return QY.getBytes(segment());
  }

  /** The raw usage of the key that signed slot 0 or 1. */
  public int signatureUsage(int slot) {
    return SIG_USAGE[slot].getInt(segment());
  }

  /** The raw algorithm of slot 0 or 1. */
  public int signatureAlgorithm(int slot) {
    return SIG_ALGO[slot].getInt(segment());
  }

  /** The 512 bytes of slot 0 or 1. */
  public byte[] signature(int slot) {
    return SIG[slot].getBytes(segment());
  }

  /** A copy of the signed bytes. */
  public byte[] body() {
    return Arrays.copyOf(toBytes(), BODY_BYTES);
  }
}
