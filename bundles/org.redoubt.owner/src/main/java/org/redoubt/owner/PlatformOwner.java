package org.redoubt.owner;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPairGenerator;
import java.security.SecureRandom;
import java.security.interfaces.ECPrivateKey;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Optional;
import org.redoubt.crypto.Certificates;
import org.redoubt.crypto.Finding;
import org.redoubt.crypto.P384PrivateKey;
import org.redoubt.crypto.Primitives;
import org.redoubt.crypto.SecretBytes;
import org.redoubt.spec.sev.cert.Algorithm;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.cert.Usage;

/**
 * The owner of platforms: a certificate authority (OCA) whose signature of a platform's PEK says
 * that the platform is theirs. Its key is a file in PKCS #8 and PEM, which {@code openssl} makes
 * and reads as well. Whoever reads one closes it.
 */
public final class PlatformOwner implements AutoCloseable {
  private static final String BEGIN = "-----BEGIN PRIVATE KEY-----";
  private static final String END = "-----END PRIVATE KEY-----";
  private static final int SCALAR_BYTES = 48;
  private static final int SCALAR_BITS = 8 * SCALAR_BYTES;

  private final P384PrivateKey key;

  private PlatformOwner(P384PrivateKey key) {
    this.key = key;
  }

  /** Makes a key, in a file that only its owner can read. */
  public static void makeKey(Path file, SecureRandom random) throws IOException {
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
      generator.initialize(new ECGenParameterSpec("secp384r1"), random);
      byte[] pkcs8 = generator.generateKeyPair().getPrivate().getEncoded();
      byte[] base64 = Base64.getMimeEncoder(64, new byte[] {'\n'}).encode(pkcs8);
      Arrays.fill(pkcs8, (byte) 0);
      byte[] pem = new byte[BEGIN.length() + base64.length + END.length() + 3];
      byte[] begin = (BEGIN + "\n").getBytes(StandardCharsets.US_ASCII);
      byte[] end = ("\n" + END + "\n").getBytes(StandardCharsets.US_ASCII);
      System.arraycopy(begin, 0, pem, 0, begin.length);
      System.arraycopy(base64, 0, pem, begin.length, base64.length);
      System.arraycopy(end, 0, pem, begin.length + base64.length, end.length);
      Arrays.fill(base64, (byte) 0);
      SecretFile.write(file, pem);
    } catch (GeneralSecurityException e) {
      throw new AssertionError("Bug: every JDK has secp384r1", e);
    }
  }

  /**
   * Reads a key.
   *
   * @throws OwnerException if it is not one on P-384 in PKCS #8 and PEM
   */
  public static PlatformOwner read(Path file) throws IOException, OwnerException {
    String pem = Files.readString(file, StandardCharsets.ISO_8859_1);
    int from = pem.indexOf(BEGIN);
    int to = pem.indexOf(END);
    if (from < 0 || to < from) {
      throw new OwnerException(
          "%s has no 'PRIVATE KEY' in PEM: openssl pkcs8 -topk8 -nocrypt makes one of other keys"
              .formatted(file));
    }
    byte[] pkcs8 = {};
    try {
      pkcs8 = Base64.getMimeDecoder().decode(pem.substring(from + BEGIN.length(), to));
      KeyFactory factory = KeyFactory.getInstance("EC");
      ECPrivateKey ec = (ECPrivateKey) factory.generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
      if (ec.getParams().getOrder().bitLength() != SCALAR_BITS) {
        throw new OwnerException(
            "%s has a key of %d bits: it takes one on P-384"
                .formatted(file, ec.getParams().getOrder().bitLength()));
      }
      try (SecretBytes scalar = scalar(ec)) {
        return new PlatformOwner(P384PrivateKey.ofScalar(scalar));
      }
    } catch (GeneralSecurityException | IllegalArgumentException e) {
      throw new OwnerException("%s has no key on P-384 in PKCS #8".formatted(file), e);
    } finally {
      Arrays.fill(pkcs8, (byte) 0);
    }
  }

  private static SecretBytes scalar(ECPrivateKey key) {
    byte[] big = key.getS().toByteArray();
    byte[] little = new byte[SCALAR_BYTES];
    for (int i = 0; i < Math.min(SCALAR_BYTES, big.length); i++) {
      little[i] = big[big.length - 1 - i];
    }
    Arrays.fill(big, (byte) 0);
    return SecretBytes.takeOver(little);
  }

  /** The OCA certificate: the same every time. */
  public SevCertificate certificate() {
    SevCertificate unsigned =
        SevCertificate.unsigned(
            1, 0, Usage.OCA, Algorithm.ECDSA_SHA256, key.publicKey().qx(), key.publicKey().qy());
    return Certificates.sign(unsigned, 0, Usage.OCA, key);
  }

  /**
   * Signs what {@code psp:csr} wrote.
   *
   * @throws OwnerException if that is no certificate of a PEK
   */
  public SevCertificate certify(SevCertificate request) throws OwnerException {
    Optional<Finding> wrong =
        Certificates.checkBody(request, Usage.PEK)
            .or(() -> Certificates.checkOtherSlotsEmpty(request));
    if (wrong.isPresent()) {
      throw new OwnerException("No request for a PEK's certificate: " + wrong.get());
    }
    return Certificates.sign(request, 0, Usage.OCA, key);
  }

  /**
   * How the policy {@code same-oca} knows an OCA: SHA-256 of what is signed in its certificate, in
   * hexadecimal.
   */
  public static String fingerprint(SevCertificate oca) {
    return HexFormat.of().formatHex(Primitives.sha256(oca.body()));
  }

  /** Clears the key. */
  @Override
  public void close() {
    key.close();
  }
}
