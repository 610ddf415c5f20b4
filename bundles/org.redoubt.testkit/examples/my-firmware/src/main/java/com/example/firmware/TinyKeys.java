package com.example.firmware;

import java.security.SecureRandom;
import org.redoubt.crypto.Certificates;
import org.redoubt.crypto.P384PrivateKey;
import org.redoubt.crypto.RootAuthority;
import org.redoubt.spec.sev.cert.Algorithm;
import org.redoubt.spec.sev.cert.PlatformChain;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.cert.Usage;

/** The chip's and the platform's keys, all fresh, under a root of our own. */
final class TinyKeys implements AutoCloseable {
  private static final int API_MAJOR = 1;
  private static final int API_MINOR = 60;

  private final RootAuthority root;
  private final P384PrivateKey pdh;
  private final PlatformChain chain;

  TinyKeys(SecureRandom random) {
    root = RootAuthority.generate(2048, random);
    pdh = P384PrivateKey.generate(random);
    try (P384PrivateKey cek = P384PrivateKey.generate(random);
        P384PrivateKey oca = P384PrivateKey.generate(random);
        P384PrivateKey pek = P384PrivateKey.generate(random)) {
      SevCertificate pekCert =
          Certificates.sign(unsigned(Usage.PEK, Algorithm.ECDSA_SHA256, pek), 0, Usage.OCA, oca);
      chain =
          new PlatformChain(
              Certificates.sign(unsigned(Usage.PDH, Algorithm.ECDH_SHA256, pdh), 0, Usage.PEK, pek),
              Certificates.sign(pekCert, 1, Usage.CEK, cek),
              Certificates.sign(
                  unsigned(Usage.OCA, Algorithm.ECDSA_SHA256, oca), 0, Usage.OCA, oca),
              root.certify(unsigned(Usage.CEK, Algorithm.ECDSA_SHA256, cek)));
    }
  }

  private static SevCertificate unsigned(Usage usage, Algorithm algorithm, P384PrivateKey key) {
    return SevCertificate.unsigned(
        API_MAJOR, API_MINOR, usage, algorithm, key.publicKey().qx(), key.publicKey().qy());
  }

  RootAuthority root() {
    return root;
  }

  P384PrivateKey pdh() {
    return pdh;
  }

  PlatformChain chain() {
    return chain;
  }

  @Override
  public void close() {
    pdh.close();
  }
}
