package org.redoubt.owner;

import java.security.SecureRandom;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.redoubt.crypto.TransportKeys;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.cert.CaCertificate;
import org.redoubt.spec.sev.command.Measurement;

/**
 * One launch from its owner's side, without files: from a platform's chain to the secret. The owner
 * gives a secret away only for a measurement that this object has found valid. Not thread-safe;
 * whoever begins one closes it.
 */
public final class GuestOwner implements AutoCloseable {
  private final SecureRandom random;
  private final GuestPolicy policy;
  private final OwnerSession session;
  private @Nullable Measurement confirmed;

  private GuestOwner(SecureRandom random, GuestPolicy policy, OwnerSession session) {
    this.random = random;
    this.policy = policy;
    this.session = session;
  }

  /**
   * Checks a platform and starts a session with it.
   *
   * @param trustedArk the root the owner trusts
   * @param chain the platform's, with ASK and ARK
   * @param policy the guest's, fixed from here on
   * @throws OwnerException if a certificate is not valid, or the policy cannot be: names it
   */
  public static GuestOwner begin(CaCertificate trustedArk, ChainFile chain, GuestPolicy policy)
      throws OwnerException {
    ChainFile.MakerChain maker =
        chain
            .maker()
            .orElseThrow(
                () -> new OwnerException("The chain has no ASK and ARK: export it in full"));
    PlatformReport.of(trustedArk, maker.ark(), maker.ask(), chain.platform()).demandValid();
    SecureRandom random = new SecureRandom();
    return new GuestOwner(
        random, policy, OwnerSession.start(chain.platform().pdh(), policy, random));
  }

  /** For LAUNCH_START's DH_CERT. */
  public byte[] dhCertificate() {
    return session.dhCertificate().toBytes();
  }

  /** For LAUNCH_START's SESSION. */
  public byte[] session() {
    return session.blob().toBytes();
  }

  /**
   * Judges a measurement; only after a valid one is {@link #seal} allowed.
   *
   * @param expected what the owner has computed from files of their own
   * @param hostLog what the host says it launched, to name a region by; may be empty
   */
  public LaunchCheck.Verdict verify(
      Measurement measurement,
      LaunchPrediction expected,
      List<LaunchPrediction.Step> hostLog,
      LaunchCheck.Firmware firmware) {
    LaunchCheck.Verdict verdict =
        new LaunchCheck(session.keys(), policy, firmware).check(measurement, expected, hostLog);
    confirmed = verdict.valid() ? measurement : null;
    return verdict;
  }

  /**
   * A packet for LAUNCH_SECRET.
   *
   * @param header 52 bytes
   * @param ciphertext as long as the padded secret
   */
  public record Packet(byte[] header, byte[] ciphertext) {}

  /**
   * Seals a secret, padded with zeros to a multiple of 16, for the guest that was found valid.
   *
   * @throws IllegalStateException if none was
   * @throws OwnerException if the secret is too long
   */
  public Packet seal(byte[] secret) throws OwnerException {
    Measurement measurement = confirmed;
    if (measurement == null) {
      throw new IllegalStateException("bug: a secret for a guest that was not found valid");
    }
    byte[] padded = SecretTable.plain(secret);
    try {
      TransportKeys.Packet packet = SecretPacket.seal(session.keys(), measurement, padded, random);
      return new Packet(packet.header().toBytes(), packet.ciphertext());
    } finally {
      Arrays.fill(padded, (byte) 0);
    }
  }

  /** Clears the keys. */
  @Override
  public void close() {
    session.close();
  }
}
