package org.redoubt.spec.sev.command;

import static org.redoubt.struct.Layouts.bytes;
import static org.redoubt.struct.Layouts.struct;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import org.redoubt.struct.Field;
import org.redoubt.struct.RawStructure;

/**
 * The session that a guest owner gives to LAUNCH_START: transport keys wrapped for one platform,
 * and the policy's MAC.
 *
 * <pre>
 * 00h  NONCE       16  context of the master secret
 * 10h  WRAP_TK     32  TEK || TIK under the KEK, AES-128-CTR
 * 30h  WRAP_IV     16  its IV
 * 40h  WRAP_MAC    32  HMAC-SHA256 of WRAP_TK under the KIK
 * 60h  POLICY_MAC  32  HMAC-SHA256 of the policy under the TIK
 * </pre>
 *
 * <p>Source: virtee/sev {@code launch/sev.rs}, {@code Session}; AMDESE/sev-tool {@code sevapi.h},
 * {@code sev_session_buf}.
 */
public final class SessionBlob extends RawStructure {
  /** The packed layout, 128 bytes. */
  public static final StructLayout LAYOUT =
      struct(
          "SESSION",
          bytes(16, "NONCE"),
          bytes(32, "WRAP_TK"),
          bytes(16, "WRAP_IV"),
          bytes(32, "WRAP_MAC"),
          bytes(32, "POLICY_MAC"));

  private static final Field NONCE = Field.of(LAYOUT, "NONCE");
  private static final Field WRAP_TK = Field.of(LAYOUT, "WRAP_TK");
  private static final Field WRAP_IV = Field.of(LAYOUT, "WRAP_IV");
  private static final Field WRAP_MAC = Field.of(LAYOUT, "WRAP_MAC");
  private static final Field POLICY_MAC = Field.of(LAYOUT, "POLICY_MAC");

  /** Takes 128 bytes. */
  public SessionBlob(byte[] raw) {
    super(LAYOUT, raw);
  }

  /** Puts one together; each part has the length in the picture. */
  public static SessionBlob of(
      byte[] nonce, byte[] wrapTk, byte[] wrapIv, byte[] wrapMac, byte[] policyMac) {
    byte[] raw = new byte[(int) LAYOUT.byteSize()];
    MemorySegment s = MemorySegment.ofArray(raw);
    NONCE.setBytes(s, nonce);
    WRAP_TK.setBytes(s, wrapTk);
    WRAP_IV.setBytes(s, wrapIv);
    WRAP_MAC.setBytes(s, wrapMac);
    POLICY_MAC.setBytes(s, policyMac);
    return new SessionBlob(raw);
  }

  public byte[] nonce() {
    return NONCE.getBytes(segment());
  }

  public byte[] wrapTk() {
    return WRAP_TK.getBytes(segment());
  }

  public byte[] wrapIv() {
    return WRAP_IV.getBytes(segment());
  }

  public byte[] wrapMac() {
    return WRAP_MAC.getBytes(segment());
  }

  public byte[] policyMac() {
    return POLICY_MAC.getBytes(segment());
  }
}
