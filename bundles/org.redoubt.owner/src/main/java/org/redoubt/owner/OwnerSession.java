package org.redoubt.owner;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Base64;
import java.util.Optional;
import org.redoubt.crypto.Certificates;
import org.redoubt.crypto.Finding;
import org.redoubt.crypto.InsecureSecretAccess;
import org.redoubt.crypto.P384PrivateKey;
import org.redoubt.crypto.SecretBytes;
import org.redoubt.crypto.TransportKeys;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.cert.Algorithm;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.cert.Usage;
import org.redoubt.spec.sev.command.SessionBlob;

/**
 * One launch as its guest owner begins it: fresh transport keys, sealed for one platform, and what
 * the host has to pass on to LAUNCH_START. Whoever starts one closes it.
 *
 * @param dhCertificate the owner's DH certificate, for DH_CERT
 * @param blob the session, for SESSION
 * @param keys TEK and TIK; they never leave the owner
 */
public record OwnerSession(SevCertificate dhCertificate, SessionBlob blob, TransportKeys keys)
    implements AutoCloseable {
  private static final int NONCE_BYTES = 16;

  /**
   * Starts a session. The PDH's own chain is not looked at: {@link PlatformCheck} does that.
   *
   * @param pdh the platform's Diffie-Hellman certificate
   * @param policy the guest's policy, fixed from here on
   * @throws OwnerException if the certificate is no PDH, or the policy has reserved bits set
   */
  public static OwnerSession start(SevCertificate pdh, GuestPolicy policy, SecureRandom random)
      throws OwnerException {
    Optional<Finding> wrong = Certificates.checkBody(pdh, Usage.PDH);
    if (wrong.isPresent()) {
      throw new OwnerException("The PDH certificate cannot be used: " + wrong.get());
    }
    if (!policy.wellFormed()) {
      throw new OwnerException(
          "Policy %s has reserved bits set: 15:6 must be zero".formatted(policy));
    }
    byte[] nonce = new byte[NONCE_BYTES];
    byte[] iv = new byte[NONCE_BYTES];
    random.nextBytes(nonce);
    random.nextBytes(iv);
    TransportKeys keys = TransportKeys.generate(random);
    try (P384PrivateKey mine = P384PrivateKey.generate(random);
        SecretBytes z = mine.agree(Certificates.publicKey(pdh))) {
      SevCertificate cert =
          SevCertificate.unsigned(
              0, 0, Usage.PDH, Algorithm.ECDH_SHA256, mine.publicKey().qx(), mine.publicKey().qy());
      return new OwnerSession(cert, keys.seal(z, nonce, iv, policy), keys);
    }
  }

  /**
   * Where the files of a session are; names and formats are those of {@code sevctl session}:
   * certificate and session in base64 without a line end, keys as they are.
   *
   * @param dhCertificate {@code NAME_godh.b64}
   * @param session {@code NAME_session.b64}
   * @param tik {@code NAME_tik.bin}
   * @param tek {@code NAME_tek.bin}
   */
  public record SessionFiles(Path dhCertificate, Path session, Path tik, Path tek) {
    /** The files of the session called {@code name}. */
    public static SessionFiles in(Path folder, String name) {
      return new SessionFiles(
          folder.resolve(name + "_godh.b64"),
          folder.resolve(name + "_session.b64"),
          folder.resolve(name + "_tik.bin"),
          folder.resolve(name + "_tek.bin"));
    }
  }

  /** Writes the four files; the keys' are readable by their owner only. */
  public SessionFiles save(Path folder, String name) throws IOException {
    SessionFiles f = SessionFiles.in(folder, name);
    SecretFile.write(f.tik(), keys.tik().expose(InsecureSecretAccess.get()));
    SecretFile.write(f.tek(), keys.tek().expose(InsecureSecretAccess.get()));
    Base64.Encoder base64 = Base64.getEncoder();
    Files.write(f.dhCertificate(), base64.encode(dhCertificate.toBytes()));
    Files.write(f.session(), base64.encode(blob.toBytes()));
    return f;
  }

  /**
   * Reads the keys of a session back.
   *
   * @throws OwnerException if a file has not 16 bytes
   */
  public static TransportKeys readKeys(Path tik, Path tek) throws IOException, OwnerException {
    return new TransportKeys(readSecret(tek), readSecret(tik));
  }

  private static SecretBytes readSecret(Path file) throws IOException, OwnerException {
    byte[] raw = Files.readAllBytes(file);
    if (raw.length != TransportKeys.KEY_BYTES) {
      Arrays.fill(raw, (byte) 0);
      throw new OwnerException(
          "%s has %d bytes, a key has %d".formatted(file, raw.length, TransportKeys.KEY_BYTES));
    }
    return SecretBytes.takeOver(raw);
  }

  /**
   * Bytes of a file that holds them in base64 or as they are.
   *
   * @param bytes how many there must be
   * @throws OwnerException if neither gives so many
   */
  public static byte[] readBlob(Path file, int bytes) throws IOException, OwnerException {
    byte[] raw = Files.readAllBytes(file);
    if (raw.length == bytes) {
      return raw;
    }
    try {
      byte[] decoded =
          Base64.getDecoder().decode(new String(raw, StandardCharsets.US_ASCII).strip());
      if (decoded.length == bytes) {
        return decoded;
      }
    } catch (IllegalArgumentException e) {
      // Not base64: the message below says what was wanted.
    }
    throw new OwnerException("%s holds neither %d bytes nor their base64".formatted(file, bytes));
  }

  /** Clears the keys. */
  @Override
  public void close() {
    keys.close();
  }
}
