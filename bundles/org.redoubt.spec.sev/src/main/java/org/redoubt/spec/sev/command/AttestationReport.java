package org.redoubt.spec.sev.command;

import static org.redoubt.struct.Layouts.bytes;
import static org.redoubt.struct.Layouts.reserved;
import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u32;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.util.Arrays;
import org.redoubt.spec.sev.cert.Algorithm;
import org.redoubt.spec.sev.cert.Usage;
import org.redoubt.struct.Field;
import org.redoubt.struct.RawStructure;

/**
 * What ATTESTATION gives out: a guest's launch digest and policy under the PEK's signature.
 *
 * <pre>
 * 00h  MNONCE         16  as in the command
 * 10h  LAUNCH_DIGEST  32  SHA-256 of everything launched
 * 30h  POLICY          4  the guest's policy
 * 34h  SIG_USAGE       4  PEK
 * 38h  SIG_ALGO        4  ECDSA with SHA-256
 * 3Ch  RESERVED        4  zero
 * 40h  SIG           144  R and S of 72 bytes each, little-endian, over bytes 00h to 33h
 * </pre>
 *
 * <p>Source: AMDESE/sev-tool {@code sevapi.h}, {@code attestation_report}; what is signed: its
 * {@code commands.cpp}, {@code validate_attestation}.
 */
public final class AttestationReport extends RawStructure {
  /** The packed layout, 208 bytes. */
  public static final StructLayout LAYOUT =
      struct(
          "ATTESTATION_REPORT",
          bytes(16, "MNONCE"),
          bytes(32, "LAUNCH_DIGEST"),
          u32("POLICY"),
          u32("SIG_USAGE"),
          u32("SIG_ALGO"),
          reserved(4, ""),
          bytes(144, "SIG"));

  /** Bytes that the signature covers. */
  public static final int BODY_BYTES = 52;

  private static final Field MNONCE = Field.of(LAYOUT, "MNONCE");
  private static final Field LAUNCH_DIGEST = Field.of(LAYOUT, "LAUNCH_DIGEST");
  private static final Field POLICY = Field.of(LAYOUT, "POLICY");
  private static final Field SIG_USAGE = Field.of(LAYOUT, "SIG_USAGE");
  private static final Field SIG_ALGO = Field.of(LAYOUT, "SIG_ALGO");
  private static final Field SIG = Field.of(LAYOUT, "SIG");

  /** Takes 208 bytes. */
  public AttestationReport(byte[] raw) {
    super(LAYOUT, raw);
  }

  /** A report without a signature. */
  public static AttestationReport unsigned(byte[] mnonce, byte[] launchDigest, int policy) {
    byte[] raw = new byte[(int) LAYOUT.byteSize()];
    MemorySegment s = MemorySegment.ofArray(raw);
    MNONCE.setBytes(s, mnonce);
    LAUNCH_DIGEST.setBytes(s, launchDigest);
    POLICY.set(s, policy);
    SIG_USAGE.set(s, Usage.PEK.code());
    SIG_ALGO.set(s, Algorithm.ECDSA_SHA256.code());
    return new AttestationReport(raw);
  }

  /** A copy with a signature of 144 bytes. */
  public AttestationReport withSignature(byte[] signature) {
    byte[] raw = toBytes();
    SIG.setBytes(MemorySegment.ofArray(raw), signature);
    return new AttestationReport(raw);
  }

  public byte[] mnonce() {
    return MNONCE.getBytes(segment());
  }

  public byte[] launchDigest() {
    return LAUNCH_DIGEST.getBytes(segment());
  }

  public int policy() {
    return POLICY.getInt(segment());
  }

  public byte[] signature() {
    return SIG.getBytes(segment());
  }

  /** A copy of the signed bytes. */
  public byte[] body() {
    return Arrays.copyOf(toBytes(), BODY_BYTES);
  }
}
