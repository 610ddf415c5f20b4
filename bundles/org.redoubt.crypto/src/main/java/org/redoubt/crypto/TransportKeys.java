package org.redoubt.crypto;

import java.lang.foreign.MemorySegment;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Optional;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.command.Measurement;
import org.redoubt.spec.sev.command.PacketHeader;
import org.redoubt.spec.sev.command.SessionBlob;

/**
 * The two keys between a guest owner, or another platform, and a firmware: TEK encrypts, TIK
 * authenticates; 16 bytes each. This class knows how they travel ({@link SessionBlob}), what the
 * TIK says of a launch ({@link Measurement}), and how secrets go into a guest ({@link
 * PacketHeader}).
 *
 * <p>Source: virtee/sev {@code session/mod.rs}, AMDESE/sev-tool {@code crypto.cpp}. Owned and
 * closed by its maker.
 */
public final class TransportKeys implements AutoCloseable {
  /** Bytes of each key. */
  public static final int KEY_BYTES = 16;

  private static final byte[] NO_CONTEXT = {};

  private final SecretBytes tek;
  private final SecretBytes tik;

  /** Takes both keys over: they are closed with this. */
  public TransportKeys(SecretBytes tek, SecretBytes tik) {
    if (tek.size() != KEY_BYTES || tik.size() != KEY_BYTES) {
      throw new IllegalArgumentException("TEK and TIK have 16 bytes");
    }
    this.tek = tek;
    this.tik = tik;
  }

  /** Fresh keys. */
  public static TransportKeys generate(SecureRandom random) {
    return new TransportKeys(
        SecretBytes.random(KEY_BYTES, random), SecretBytes.random(KEY_BYTES, random));
  }

  /** The encryption key; owned by this. */
  public SecretBytes tek() {
    return tek;
  }

  /** The integrity key; owned by this. */
  public SecretBytes tik() {
    return tik;
  }

  /**
   * Wraps both keys for whoever shares {@code z}, and vouches for a policy.
   *
   * @param z what ECDH gave
   * @param nonce 16 bytes, fresh
   * @param iv 16 bytes, fresh
   */
  public SessionBlob seal(SecretBytes z, byte[] nonce, byte[] iv, GuestPolicy policy) {
    try (WrapKeys w = WrapKeys.of(z, nonce)) {
      byte[] both = new byte[2 * KEY_BYTES];
      MemorySegment s = MemorySegment.ofArray(both);
      tek.exposeTo(s.asSlice(0, KEY_BYTES), SecretAccess.INSTANCE);
      tik.exposeTo(s.asSlice(KEY_BYTES, KEY_BYTES), SecretAccess.INSTANCE);
      byte[] wrapped = Primitives.aesCtr(w.kek, iv, both);
      Arrays.fill(both, (byte) 0);
      return SessionBlob.of(
          nonce,
          wrapped,
          iv,
          Primitives.hmacSha256(w.kik, wrapped),
          Primitives.hmacSha256(tik, Kdf.le32(policy.bits())));
    }
  }

  /** Either the keys or what is wrong. */
  public sealed interface Opened {
    /** The keys, now the caller's. */
    record Keys(TransportKeys keys) implements Opened {}

    /** What was wrong; nothing is kept. */
    record Refused(Finding finding) implements Opened {}
  }

  /**
   * Unwraps a session: WRAP_MAC is checked before anything is decrypted, POLICY_MAC with the TIK
   * that comes out.
   */
  public static Opened open(SessionBlob session, SecretBytes z, GuestPolicy policy) {
    try (WrapKeys w = WrapKeys.of(z, session.nonce())) {
      if (!ConstantTime.equal(Primitives.hmacSha256(w.kik, session.wrapTk()), session.wrapMac())) {
        return refused(
            "SESSION.WRAP_MAC",
            "the MAC of WRAP_TK under this platform's PDH and this DH certificate");
      }
      byte[] both = Primitives.aesCtr(w.kek, session.wrapIv(), session.wrapTk());
      TransportKeys keys =
          new TransportKeys(
              SecretBytes.takeOver(Arrays.copyOf(both, KEY_BYTES)),
              SecretBytes.takeOver(Arrays.copyOfRange(both, KEY_BYTES, 2 * KEY_BYTES)));
      Arrays.fill(both, (byte) 0);
      byte[] mac = Primitives.hmacSha256(keys.tik, Kdf.le32(policy.bits()));
      if (!ConstantTime.equal(mac, session.policyMac())) {
        keys.close();
        return refused("SESSION.POLICY_MAC", "the MAC of policy " + policy);
      }
      return new Opened.Keys(keys);
    }
  }

  /**
   * The keys of a launch that comes with an owner's point and nonce only, as in the first posting
   * for Linux: KEK as TEK, KIK as TIK.
   */
  public static TransportKeys agreed(SecretBytes z, byte[] nonce) {
    WrapKeys w = WrapKeys.of(z, nonce);
    return new TransportKeys(w.kek, w.kik);
  }

  /** Bytes of one key that {@link #wrap} gives. */
  public static final int WRAPPED_BYTES = 24;

  /**
   * Wraps both keys one by one for whoever shares {@code z}: TEK, then TIK, 24 bytes each (RFC
   * 3394, under the KEK).
   */
  public byte[] wrap(SecretBytes z, byte[] nonce) {
    try (WrapKeys w = WrapKeys.of(z, nonce)) {
      byte[] out = Arrays.copyOf(Primitives.wrap(w.kek, tek), 2 * WRAPPED_BYTES);
      System.arraycopy(Primitives.wrap(w.kek, tik), 0, out, WRAPPED_BYTES, WRAPPED_BYTES);
      return out;
    }
  }

  /** Undoes {@link #wrap}, and checks what vouches for a policy. */
  public static Opened unwrap(
      byte[] wrapped, SecretBytes z, byte[] nonce, GuestPolicy policy, byte[] policyMac) {
    try (WrapKeys w = WrapKeys.of(z, nonce)) {
      Optional<SecretBytes> tek =
          Primitives.unwrap(w.kek, Arrays.copyOfRange(wrapped, 0, WRAPPED_BYTES));
      Optional<SecretBytes> tik =
          Primitives.unwrap(w.kek, Arrays.copyOfRange(wrapped, WRAPPED_BYTES, 2 * WRAPPED_BYTES));
      if (tek.isEmpty() || tik.isEmpty()) {
        tek.ifPresent(SecretBytes::close);
        tik.ifPresent(SecretBytes::close);
        return refused("WRAPPED_TEK, WRAPPED_TIK", "keys wrapped for this platform's PDH");
      }
      TransportKeys keys = new TransportKeys(tek.get(), tik.get());
      if (!ConstantTime.equal(keys.policyMac(policy), policyMac)) {
        keys.close();
        return refused("POLICY_MEAS", "the MAC of policy " + policy);
      }
      return new Opened.Keys(keys);
    }
  }

  /** What vouches for a policy: HMAC-SHA256 under the TIK. */
  public byte[] policyMac(GuestPolicy policy) {
    return Primitives.hmacSha256(tik, Kdf.le32(policy.bits()));
  }

  private static Opened refused(String field, String expected) {
    return new Opened.Refused(
        new Finding(FirmwareStatus.BAD_MEASUREMENT, field, expected, "another value"));
  }

  /**
   * The measurement of a launch: HMAC-SHA256 under the TIK of 04h, API major, API minor, build,
   * policy, digest, MNONCE.
   *
   * @param launchDigest SHA-256 of all launched bytes
   * @param mnonce 16 bytes
   */
  public Measurement measure(
      int apiMajor,
      int apiMinor,
      int build,
      GuestPolicy policy,
      byte[] launchDigest,
      byte[] mnonce) {
    byte[] head = {4, (byte) apiMajor, (byte) apiMinor, (byte) build};
    return Measurement.of(
        Primitives.hmacSha256(tik, head, Kdf.le32(policy.bits()), launchDigest, mnonce), mnonce);
  }

  /**
   * A packet for LAUNCH_SECRET.
   *
   * @param header what goes into HDR
   * @param ciphertext what goes into TRANS
   */
  public record Packet(PacketHeader header, byte[] ciphertext) {}

  /**
   * Seals a secret for the guest whose launch gave {@code measurement}.
   *
   * @param iv 16 bytes, fresh
   */
  public Packet sealSecret(byte[] secret, byte[] iv, Measurement measurement) {
    byte[] ciphertext = Primitives.aesCtr(tek, iv, secret);
    byte[] mac = secretMac(0, iv, secret.length, ciphertext, measurement);
    return new Packet(PacketHeader.of(0, iv, mac), ciphertext);
  }

  /** Whether the packet's MAC fits this guest; constant time. */
  public boolean secretIsAuthentic(
      PacketHeader header, int guestLength, byte[] ciphertext, Measurement measurement) {
    return ConstantTime.equal(
        secretMac(header.flags(), header.iv(), guestLength, ciphertext, measurement), header.mac());
  }

  /** Decrypts a packet whose MAC was checked; the caller clears the result. */
  public byte[] openSecret(PacketHeader header, byte[] ciphertext) {
    return Primitives.aesCtr(tek, header.iv(), ciphertext);
  }

  /**
   * A packet between platforms, in either direction.
   *
   * @param kind {@link PacketCipher#KIND_DATA} or {@link PacketCipher#KIND_VMSA}
   * @param iv 16 bytes, fresh for each packet
   * @param length bytes of guest memory, and of ciphertext
   */
  public PacketCipher packet(int kind, int flags, byte[] iv, int length) {
    return new PacketCipher(tek, tik, kind, flags, iv, length);
  }

  private byte[] secretMac(
      int flags, byte[] iv, int guestLength, byte[] ciphertext, Measurement measurement) {
    return Primitives.hmacSha256(
        tik,
        new byte[] {1},
        Kdf.le32(flags),
        iv,
        Kdf.le32(guestLength),
        Kdf.le32(ciphertext.length),
        ciphertext,
        measurement.measure());
  }

  /** Clears both keys. */
  @Override
  public void close() {
    tek.close();
    tik.close();
  }

  /** KEK and KIK: what wraps the transport keys. */
  private record WrapKeys(SecretBytes kek, SecretBytes kik) implements AutoCloseable {
    static WrapKeys of(SecretBytes z, byte[] nonce) {
      try (SecretBytes master = Kdf.derive(z, "sev-master-secret", nonce, KEY_BYTES)) {
        return new WrapKeys(
            Kdf.derive(master, "sev-kek", NO_CONTEXT, KEY_BYTES),
            Kdf.derive(master, "sev-kik", NO_CONTEXT, KEY_BYTES));
      }
    }

    @Override
    public void close() {
      kek.close();
      kik.close();
    }
  }
}
