package org.redoubt.crypto;

import static org.redoubt.spec.sev.FirmwareStatus.BAD_SIGNATURE;
import static org.redoubt.spec.sev.FirmwareStatus.INVALID_CERTIFICATE;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.security.GeneralSecurityException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.interfaces.ECPublicKey;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Optional;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1Encoding;
import org.bouncycastle.asn1.ASN1Integer;
import org.bouncycastle.asn1.DERBitString;
import org.bouncycastle.asn1.DERSequence;
import org.bouncycastle.asn1.DERSet;
import org.bouncycastle.asn1.pkcs.CertificationRequestInfo;
import org.bouncycastle.asn1.sec.SECObjectIdentifiers;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.ExtensionsGenerator;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.asn1.x509.SubjectPublicKeyInfo;
import org.bouncycastle.asn1.x509.Time;
import org.bouncycastle.asn1.x509.V3TBSCertificateGenerator;
import org.bouncycastle.asn1.x9.X9ObjectIdentifiers;

/**
 * Requests (PKCS #10, RFC 2986) and certificates (X.509, RFC 5280) for {@link P256Key}: the form
 * that the first posting for Linux names for an owner's certificates. DER, ECDSA with SHA-256.
 */
public final class P256Certificates {
  private static final AlgorithmIdentifier ECDSA =
      new AlgorithmIdentifier(X9ObjectIdentifiers.ecdsa_with_SHA256);

  private P256Certificates() {}

  /** A request for a certificate with this common name. */
  public static byte[] request(P256Key key, String name) {
    return signed(
        new CertificationRequestInfo(named(name), publicKey(key.point()), new DERSet()), key);
  }

  /**
   * A certificate.
   *
   * @param issuer who signs
   * @param issuerName the issuer's common name
   * @param point the subject's
   * @param name the subject's common name
   * @param authority whether the subject may sign certificates
   * @param from validity
   * @param until validity
   */
  public static byte[] issue(
      P256Key issuer,
      String issuerName,
      byte[] point,
      String name,
      boolean authority,
      Instant from,
      Instant until) {
    V3TBSCertificateGenerator tbs = new V3TBSCertificateGenerator();
    tbs.setSerialNumber(new ASN1Integer(P256Key.number(point, 0).shiftRight(128)));
    tbs.setSignature(ECDSA);
    tbs.setIssuer(named(issuerName));
    tbs.setSubject(named(name));
    tbs.setStartDate(new Time(Date.from(from)));
    tbs.setEndDate(new Time(Date.from(until)));
    tbs.setSubjectPublicKeyInfo(publicKey(point));
    ExtensionsGenerator extensions = new ExtensionsGenerator();
    try {
      extensions.addExtension(Extension.basicConstraints, true, new BasicConstraints(authority));
      extensions.addExtension(
          Extension.keyUsage,
          true,
          new KeyUsage(authority ? KeyUsage.keyCertSign : KeyUsage.digitalSignature));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    tbs.setExtensions(extensions.generate());
    return signed(tbs.generateTBSCertificate(), issuer);
  }

  private static X500Name named(String name) {
    return new X500Name("CN=" + name);
  }

  private static SubjectPublicKeyInfo publicKey(byte[] point) {
    return new SubjectPublicKeyInfo(
        new AlgorithmIdentifier(X9ObjectIdentifiers.id_ecPublicKey, SECObjectIdentifiers.secp256r1),
        P256Key.decode(point)
            .orElseThrow(() -> new IllegalArgumentException("Not a point of P-256"))
            .getEncoded(false));
  }

  private static byte[] signed(ASN1Encodable body, P256Key key) {
    try {
      byte[] rs = key.sign(body.toASN1Primitive().getEncoded(ASN1Encoding.DER));
      DERSequence signature =
          new DERSequence(
              new ASN1Encodable[] {
                new ASN1Integer(P256Key.number(rs, 0)), new ASN1Integer(P256Key.number(rs, 32))
              });
      return new DERSequence(
              new ASN1Encodable[] {
                body, ECDSA, new DERBitString(signature.getEncoded(ASN1Encoding.DER))
              })
          .getEncoded(ASN1Encoding.DER);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Either a chain or what is wrong with it. */
  public sealed interface Checked {
    /**
     * A chain that is good.
     *
     * @param leafPoint the first certificate's key
     * @param root the last certificate
     */
    record Good(byte[] leafPoint, byte[] root) implements Checked {}

    /** What was wrong. */
    record Bad(Finding finding) implements Checked {}
  }

  /**
   * Judges a chain, leaf first, each signed by the next, the last by itself.
   *
   * @param chain certificates in DER, one after the other
   * @param count how many there must be, at least 2
   * @param now when they must be valid
   */
  public static Checked check(byte[] chain, int count, Instant now) {
    List<X509Certificate> certs = new ArrayList<>();
    ByteArrayInputStream in = new ByteArrayInputStream(chain);
    try {
      CertificateFactory x509 = CertificateFactory.getInstance("X.509");
      while (in.available() > 0 && certs.size() <= count) {
        certs.add((X509Certificate) x509.generateCertificate(in));
      }
    } catch (CertificateException e) {
      return bad("CERTS", "certificates in DER", "other bytes");
    }
    if (certs.size() != count || count < 2) {
      return bad("CERTS", Math.max(2, count) + " certificates", String.valueOf(certs.size()));
    }
    try {
      for (int i = 0; i < 2 * count; i++) {
        Optional<Finding> wrong =
            i < count ? checkForm(certs, i, now) : checkSignature(certs, i - count);
        if (wrong.isPresent()) {
          return new Checked.Bad(wrong.get());
        }
      }
      return new Checked.Good(point(certs.getFirst()).orElseThrow(), certs.getLast().getEncoded());
    } catch (CertificateException e) {
      return bad("CERTS", "certificates in DER", "other bytes");
    }
  }

  private static Optional<Finding> checkForm(List<X509Certificate> certs, int i, Instant now) {
    X509Certificate cert = certs.get(i);
    String name = "CERTS[%d]".formatted(i);
    if (point(cert).isEmpty()) {
      return wrong(name, "a key on P-256", cert.getPublicKey().getAlgorithm() + " of another kind");
    }
    if (now.isBefore(cert.getNotBefore().toInstant())) {
      return wrong(name, "a certificate that is valid by now", "one from " + cert.getNotBefore());
    }
    if (now.isAfter(cert.getNotAfter().toInstant())) {
      return wrong(name, "a certificate that is still valid", "one until " + cert.getNotAfter());
    }
    boolean[] usage = cert.getKeyUsage();
    boolean authority = cert.getBasicConstraints() >= 0 && (usage == null || usage[5]);
    if (i > 0 && !authority) {
      return wrong(name, "a certificate authority", "another usage");
    }
    if (i == 0 && cert.getBasicConstraints() >= 0) {
      return wrong(name, "a PEK's certificate", "a certificate authority's");
    }
    return Optional.empty();
  }

  private static Optional<Finding> checkSignature(List<X509Certificate> certs, int i) {
    X509Certificate cert = certs.get(i);
    String name = "CERTS[%d]".formatted(i);
    X509Certificate issuer = certs.get(Math.min(i + 1, certs.size() - 1));
    if (!cert.getIssuerX500Principal().equals(issuer.getSubjectX500Principal())) {
      return wrong(
          name,
          "a certificate by " + issuer.getSubjectX500Principal(),
          "one by " + cert.getIssuerX500Principal());
    }
    try {
      cert.verify(issuer.getPublicKey());
      return Optional.empty();
    } catch (GeneralSecurityException e) {
      return Optional.of(
          new Finding(
              BAD_SIGNATURE,
              name,
              "a signature by " + issuer.getSubjectX500Principal(),
              "one that does not verify"));
    }
  }

  private static Checked bad(String field, String expected, String found) {
    return new Checked.Bad(new Finding(INVALID_CERTIFICATE, field, expected, found));
  }

  private static Optional<Finding> wrong(String field, String expected, String found) {
    return Optional.of(new Finding(INVALID_CERTIFICATE, field, expected, found));
  }

  private static Optional<byte[]> point(X509Certificate cert) {
    if (!(cert.getPublicKey() instanceof ECPublicKey key)
        || !key.getParams().getOrder().equals(P256Key.DOMAIN.getN())) {
      return Optional.empty();
    }
    byte[] point = P256Key.pair(key.getW().getAffineX(), key.getW().getAffineY());
    return Optional.of(point).filter(P256Key::isPoint);
  }
}
