package org.redoubt.crypto;

import static org.redoubt.spec.sev.FirmwareStatus.BAD_SIGNATURE;
import static org.redoubt.spec.sev.FirmwareStatus.INVALID_CERTIFICATE;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.redoubt.spec.sev.cert.Algorithm;
import org.redoubt.spec.sev.cert.CaCertificate;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.cert.Usage;
import org.redoubt.struct.Reserved;

/**
 * What makes a certificate good: its form, and a parent's signature. Every byte of a certificate is
 * either signed, part of a signature that is checked, or must be zero. Methods return the first
 * thing that is wrong, or nothing.
 */
public final class Certificates {
  private Certificates() {}

  /**
   * Checks the form of an elliptic-curve certificate: version, reserved bytes, usage, algorithm,
   * curve, point. Signature slots are not looked at: a guest owner's DH certificate comes with
   * empty ones (sevctl) or signed by itself (sev-tool).
   */
  public static Optional<Finding> checkBody(SevCertificate cert, Usage usage) {
    String name = usage.name();
    if (cert.version() != SevCertificate.VERSION_1) {
      return bad(name + ".VERSION", "1", String.valueOf(Integer.toUnsignedLong(cert.version())));
    }
    Optional<Reserved.Violation> mbz = Reserved.firstNonZero(SevCertificate.LAYOUT, cert.segment());
    if (mbz.isPresent()) {
      return bad(name + "." + mbz.get().field(), "zeros", mbz.get().toString());
    }
    if (cert.usage() != usage.code()) {
      return bad(name + ".PUBKEY_USAGE", usageText(usage.code()), usageText(cert.usage()));
    }
    Set<Algorithm> allowed =
        usage == Usage.PDH
            ? Set.of(Algorithm.ECDH_SHA256, Algorithm.ECDH_SHA384)
            : Set.of(Algorithm.ECDSA_SHA256, Algorithm.ECDSA_SHA384);
    if (Algorithm.of(cert.algorithm()).filter(allowed::contains).isEmpty()) {
      return bad(
          name + ".PUBKEY_ALGO",
          usage == Usage.PDH ? "an ECDH algorithm" : "an ECDSA algorithm",
          algorithmText(cert.algorithm()));
    }
    if (cert.curve() != SevCertificate.CURVE_P384) {
      return bad(name + ".CURVE", "2 (P-384)", String.valueOf(cert.curve()));
    }
    if (P384PublicKey.of(cert.qx(), cert.qy()).isEmpty()) {
      return bad(name + ".QX, QY", "a point on P-384", "a point off the curve");
    }
    return Optional.empty();
  }

  /** The key in a certificate whose body was checked. */
  public static P384PublicKey publicKey(SevCertificate cert) {
    return P384PublicKey.of(cert.qx(), cert.qy())
        .orElseThrow(() -> new IllegalStateException("Bug: certificate not checked"));
  }

  /**
   * Signs the certificate's body by ECDSA with SHA-256.
   *
   * @param slot 0 or 1
   */
  public static SevCertificate sign(
      SevCertificate cert, int slot, Usage signer, P384PrivateKey key) {
    byte[] digest = Primitives.sha256(cert.body());
    return cert.withSignature(slot, signer, Algorithm.ECDSA_SHA256, key.sign(digest));
  }

  /**
   * Checks that one of the child's slots holds {@code parent}'s signature; the parent's body was
   * checked before.
   */
  public static Optional<Finding> checkSignedBy(SevCertificate child, SevCertificate parent) {
    String name = usageText(child.usage());
    int slot = slotOf(child, parent.usage());
    if (slot < 0) {
      return bad(
          name + ".SIG1_USAGE, SIG2_USAGE",
          "a signature by " + usageText(parent.usage()),
          usageText(child.signatureUsage(0)) + ", " + usageText(child.signatureUsage(1)));
    }
    if (child.signatureAlgorithm(slot) != parent.algorithm()) {
      return bad(
          name + ".SIG" + (slot + 1) + "_ALGO",
          algorithmText(parent.algorithm()),
          algorithmText(child.signatureAlgorithm(slot)));
    }
    Algorithm algorithm = Algorithm.of(parent.algorithm()).orElse(Algorithm.INVALID);
    if (!algorithm.isEcdsa()) {
      return bad(
          usageText(parent.usage()) + ".PUBKEY_ALGO",
          "an ECDSA algorithm",
          algorithmText(parent.algorithm()));
    }
    byte[] signature = child.signature(slot);
    byte[] r = Arrays.copyOfRange(signature, 0, 72);
    byte[] s = Arrays.copyOfRange(signature, 72, 144);
    boolean good =
        isZero(signature, 144)
            && publicKey(parent).verify(Primitives.digest(algorithm.digest(), child.body()), r, s);
    return good ? Optional.empty() : badSignature(name, usageText(parent.usage()));
  }

  /** Checks that one of the child's slots holds the signature of an ASK. */
  public static Optional<Finding> checkSignedBy(SevCertificate child, CaCertificate parent) {
    String name = usageText(child.usage());
    int slot = slotOf(child, parent.usage());
    if (slot < 0) {
      return bad(
          name + ".SIG1_USAGE, SIG2_USAGE",
          "a signature by " + usageText(parent.usage()),
          usageText(child.signatureUsage(0)) + ", " + usageText(child.signatureUsage(1)));
    }
    Algorithm want = parent.bits() == 2048 ? Algorithm.RSA_SHA256 : Algorithm.RSA_SHA384;
    if (child.signatureAlgorithm(slot) != want.code()) {
      return bad(
          name + ".SIG" + (slot + 1) + "_ALGO",
          want.name(),
          algorithmText(child.signatureAlgorithm(slot)));
    }
    int n = parent.bits() / 8;
    byte[] signature = child.signature(slot);
    boolean good =
        isZero(signature, n)
            && Rsa.verify(
                parent.modulus(),
                parent.exponent(),
                parent.bits(),
                child.body(),
                Arrays.copyOf(signature, n));
    return good ? Optional.empty() : badSignature(name, usageText(parent.usage()));
  }

  /**
   * Checks that every slot but those of the given signers is empty: usage INVALID, no algorithm,
   * zeros.
   */
  public static Optional<Finding> checkOtherSlotsEmpty(SevCertificate cert, Usage... signers) {
    for (int slot = 0; slot < 2; slot++) {
      int usage = cert.signatureUsage(slot);
      if (Arrays.stream(signers).anyMatch(u -> u.code() == usage)) {
        continue;
      }
      String field = usageText(cert.usage()) + ".SIG" + (slot + 1);
      if (usage != Usage.INVALID.code()) {
        return bad(field + "_USAGE", "an empty slot (INVALID)", usageText(usage));
      }
      if (cert.signatureAlgorithm(slot) != Algorithm.INVALID.code()) {
        return bad(
            field + "_ALGO", "an empty slot (0)", algorithmText(cert.signatureAlgorithm(slot)));
      }
      if (!isZero(cert.signature(slot), 0)) {
        return bad(field, "zeros in an empty slot", "other bytes");
      }
    }
    return Optional.empty();
  }

  /** Checks the form of an ARK or ASK: version, reserved bytes, usage, sizes. */
  public static Optional<Finding> checkBody(CaCertificate cert, Usage usage) {
    String name = usage.name();
    if (cert.version() != CaCertificate.VERSION_1) {
      return bad(name + ".VERSION", "1", String.valueOf(Integer.toUnsignedLong(cert.version())));
    }
    Optional<Reserved.Violation> mbz = Reserved.firstNonZero(cert.layout(), cert.segment());
    if (mbz.isPresent()) {
      return bad(name + "." + mbz.get().field(), "zeros", mbz.get().toString());
    }
    if (cert.usage() != usage.code()) {
      return bad(name + ".KEY_USAGE", usageText(usage.code()), usageText(cert.usage()));
    }
    if (cert.exponentBits() != cert.bits() || cert.modulusBits() != cert.bits()) {
      return bad(
          name + ".PUBEXP_SIZE, MODULUS_SIZE",
          cert.bits() + ", " + cert.bits(),
          cert.exponentBits() + ", " + cert.modulusBits());
    }
    return Optional.empty();
  }

  /**
   * Checks that {@code parent} signed {@code child} and is named by it; both bodies were checked
   * before.
   */
  public static Optional<Finding> checkSignedBy(CaCertificate child, CaCertificate parent) {
    String name = usageText(child.usage());
    if (!Arrays.equals(child.certifyingId(), parent.keyId())) {
      return bad(name + ".CERTIFYING_ID", hex(parent.keyId()), hex(child.certifyingId()));
    }
    boolean good =
        Rsa.verify(
            parent.modulus(),
            parent.exponent(),
            parent.bits(),
            child.body(),
            parent.bits() == child.bits() ? child.signature() : new byte[0]);
    return good ? Optional.empty() : badSignature(name, usageText(parent.usage()));
  }

  private static int slotOf(SevCertificate cert, int signerUsage) {
    return cert.signatureUsage(0) == signerUsage
        ? 0
        : cert.signatureUsage(1) == signerUsage ? 1 : -1;
  }

  private static boolean isZero(byte[] bytes, int from) {
    for (int i = from; i < bytes.length; i++) {
      if (bytes[i] != 0) {
        return false;
      }
    }
    return true;
  }

  private static Optional<Finding> bad(String field, String expected, String found) {
    return Optional.of(new Finding(INVALID_CERTIFICATE, field, expected, found));
  }

  private static Optional<Finding> badSignature(String child, String parent) {
    return Optional.of(
        new Finding(BAD_SIGNATURE, child, "a signature by " + parent, "one that does not verify"));
  }

  private static String usageText(int code) {
    return Usage.of(code).map(Usage::name).orElse("%Xh (unknown usage)".formatted(code));
  }

  private static String algorithmText(int code) {
    return Algorithm.of(code)
        .map(Algorithm::name)
        .orElse("%Xh (unknown algorithm)".formatted(code));
  }

  private static String hex(byte[] bytes) {
    return java.util.HexFormat.of().formatHex(bytes).toLowerCase(Locale.ROOT);
  }
}
