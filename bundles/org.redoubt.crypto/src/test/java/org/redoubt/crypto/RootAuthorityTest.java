package org.redoubt.crypto;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.redoubt.spec.sev.cert.Algorithm;
import org.redoubt.spec.sev.cert.PlatformChain;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.cert.Usage;

final class RootAuthorityTest {
  private final SecureRandom random = new SecureRandom();

  private static SevCertificate cert(Usage usage, P384PrivateKey key) {
    return SevCertificate.unsigned(
        1,
        55,
        usage,
        usage == Usage.PDH ? Algorithm.ECDH_SHA256 : Algorithm.ECDSA_SHA256,
        key.publicKey().qx(),
        key.publicKey().qy());
  }

  @ParameterizedTest
  @CsvSource({"2048,832", "4096,1600"})
  void shouldMakeAChainThatVerifiesUnderItsOwnRootOnly(int bits, int bytes) {
    RootAuthority root = RootAuthority.generate(bits, random);
    assertEquals(bytes, root.ark().toBytes().length);
    assertEquals(bytes, root.ask().toBytes().length);
    assertEquals("REDOUBT-DEV-ARK\0", new String(root.ark().keyId(), StandardCharsets.US_ASCII));
    assertEquals("REDOUBT-DEV-ASK\0", new String(root.ask().keyId(), StandardCharsets.US_ASCII));
    try (P384PrivateKey cekKey = P384PrivateKey.generate(random);
        P384PrivateKey ocaKey = P384PrivateKey.generate(random);
        P384PrivateKey pekKey = P384PrivateKey.generate(random);
        P384PrivateKey pdhKey = P384PrivateKey.generate(random)) {
      SevCertificate cek = root.certify(cert(Usage.CEK, cekKey));
      SevCertificate oca = Certificates.sign(cert(Usage.OCA, ocaKey), 0, Usage.OCA, ocaKey);
      SevCertificate pek = Certificates.sign(cert(Usage.PEK, pekKey), 0, Usage.OCA, ocaKey);
      SevCertificate pek2 = Certificates.sign(pek, 1, Usage.CEK, cekKey);
      SevCertificate pdh = Certificates.sign(cert(Usage.PDH, pdhKey), 0, Usage.PEK, pekKey);
      PlatformChain chain = new PlatformChain(pdh, pek2, oca, cek);
      assertEquals(
          Optional.empty(),
          ChainReport.of(root.ark(), root.ark(), root.ask(), chain).firstFinding());
      assertTrue(ChainReport.checkPek(pek, oca, cek).isPresent(), "PEK without its CEK signature");
      assertTrue(ChainReport.checkPdh(pek2, pek2).isPresent(), "PEK in place of a PDH");
      if (bits == 2048) {
        RootAuthority other = RootAuthority.generate(bits, random);
        assertNotEquals(other.ark(), root.ark());
        Finding f =
            ChainReport.of(other.ark(), root.ark(), root.ask(), chain).firstFinding().orElseThrow();
        assertEquals("ARK", f.field());
        assertTrue(ChainReport.checkCek(cek, other.ask()).isPresent());
      }
    }
  }

  @Test
  void shouldComeBackFromItsPartsAndRefuseDamagedOnes() {
    RootAuthority root = RootAuthority.generate(2048, random);
    byte[] key = root.askKey(InsecureSecretAccess.get());
    RootAuthority again = RootAuthority.of(root.ark(), root.ask(), key);
    try (P384PrivateKey k = P384PrivateKey.generate(random)) {
      SevCertificate cek = again.certify(cert(Usage.CEK, k));
      assertEquals(Optional.empty(), ChainReport.checkCek(cek, root.ask()));
    }
    RootAuthority other = RootAuthority.generate(2048, random);
    byte[] otherKey = other.askKey(InsecureSecretAccess.get());
    assertThrows(
        IllegalArgumentException.class, () -> RootAuthority.of(root.ark(), root.ask(), otherKey));
    assertThrows(
        IllegalArgumentException.class, () -> RootAuthority.of(root.ark(), other.ask(), key));
    assertThrows(
        IllegalArgumentException.class,
        () -> RootAuthority.of(root.ark(), root.ask(), new byte[10]));
    assertThrows(IllegalArgumentException.class, () -> RootAuthority.generate(1024, random));
    assertArrayEquals(key, root.askKey(InsecureSecretAccess.get()));
  }
}
