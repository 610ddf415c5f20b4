package org.redoubt.crypto;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.redoubt.crypto.TransportKeys.Opened;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.command.Measurement;
import org.redoubt.spec.sev.command.SessionBlob;

/**
 * SOURCE: KDF, wrapped keys, MACs and the measurement: the tests of virtee/sev (src/session/key.rs,
 * src/session/mod.rs), checked with Python and openssl. AES-CTR: SP 800-38A, F.5.1. HMAC: RFC 4231,
 * case 2.
 */
final class KnownAnswersTest {
  private static final HexFormat HEX = HexFormat.of();
  private final SecureRandom random = new SecureRandom();

  private static SecretBytes zeros(int n) {
    return SecretBytes.takeOver(new byte[n]);
  }

  private static byte[] hex(String s) {
    return HEX.parseHex(s);
  }

  private static byte[] bytes(SecretBytes s) {
    return s.expose(InsecureSecretAccess.get());
  }

  @Test
  void shouldDeriveTheMasterSecretOfTheClients() {
    SecretBytes master = Kdf.derive(zeros(16), "sev-master-secret", new byte[16], 16);
    assertArrayEquals(hex("ab4d269fcc62bedb4511d56c386ce706"), bytes(master));
  }

  @Test
  void shouldDeriveMoreThanOneBlockWithTheCounterAndLength() {
    byte[] long1 = bytes(Kdf.derive(zeros(16), "x", new byte[0], 40));
    byte[] block1 = Primitives.hmacSha256(zeros(16), hex("01000000" + "7800" + "40010000"));
    byte[] block2 = Primitives.hmacSha256(zeros(16), hex("02000000" + "7800" + "40010000"));
    assertEquals(HEX.formatHex(block1) + HEX.formatHex(block2, 0, 8), HEX.formatHex(long1));
  }

  @Test
  void shouldSealTheSessionOfTheClients() {
    TransportKeys keys = new TransportKeys(zeros(16), zeros(16));
    SessionBlob s = keys.seal(zeros(16), new byte[16], new byte[16], new GuestPolicy(0));
    assertArrayEquals(
        hex("2137bc7f9bb8bd7c3e55a576a15d3454b3856b8ba27afadf46dcfee9f02c02c4"), s.wrapTk());
    assertArrayEquals(
        hex("3176c0752738bd9d5e86689534020f528c088f16238826b000b327dee6aeed7d"), s.wrapMac());
    assertArrayEquals(
        hex("aa7855e13839dd767cd5da7c1ff5036540c9264b7a803029315e55375287b4af"), s.policyMac());
  }

  @Test
  void shouldMeasureAsTheClientsDo() {
    TransportKeys keys =
        new TransportKeys(zeros(16), SecretBytes.copyOf(hex("66320db73158a35a255d051758e95ed4")));
    Measurement m =
        keys.measure(
            0,
            0x12,
            0x0f,
            new GuestPolicy(0),
            Primitives.sha256(),
            hex("4fbe0bedbad6c86ae8f68971d103e554"));
    assertArrayEquals(
        hex("6faab2daae389bcd3405a05d6cafe33c0414f7bedd0bae19ba5f38b7fd1664ea"), m.measure());
  }

  @Test
  void shouldEncryptInCounterModeAsTheStandardSays() {
    SecretBytes key = SecretBytes.copyOf(hex("2b7e151628aed2a6abf7158809cf4f3c"));
    assertArrayEquals(
        hex("874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"),
        Primitives.aesCtr(
            key,
            hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"),
            hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")));
  }

  @Test
  void shouldAuthenticateAsTheStandardSays() {
    assertArrayEquals(
        hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        Primitives.hmacSha256(
            SecretBytes.copyOf("Jefe".getBytes(StandardCharsets.US_ASCII)),
            "what do ya want ".getBytes(StandardCharsets.US_ASCII),
            "for nothing?".getBytes(StandardCharsets.US_ASCII)));
  }

  @Test
  void shouldOpenWhatWasSealedAndRefuseEveryFlippedByte() {
    try (P384PrivateKey a = P384PrivateKey.generate(random);
        P384PrivateKey b = P384PrivateKey.generate(random);
        SecretBytes za = a.agree(b.publicKey());
        SecretBytes zb = b.agree(a.publicKey());
        TransportKeys keys = TransportKeys.generate(random)) {
      assertTrue(za.sameAs(zb));
      byte[] nonce = new byte[16];
      byte[] iv = new byte[16];
      random.nextBytes(nonce);
      random.nextBytes(iv);
      GuestPolicy policy = new GuestPolicy(0x0100_0001);
      SessionBlob blob = keys.seal(za, nonce, iv, policy);
      Opened opened = TransportKeys.open(blob, zb, policy);
      try (TransportKeys got = assertInstanceOf(Opened.Keys.class, opened).keys()) {
        assertTrue(got.tek().sameAs(keys.tek()));
        assertTrue(got.tik().sameAs(keys.tik()));
      }
      byte[] raw = blob.toBytes();
      for (int i = 0; i < raw.length; i++) {
        raw[i] ^= 1;
        Opened bad = TransportKeys.open(new SessionBlob(raw), zb, policy);
        Finding f = assertInstanceOf(Opened.Refused.class, bad, "byte " + i).finding();
        assertEquals(FirmwareStatus.BAD_MEASUREMENT, f.status());
        raw[i] ^= 1;
      }
      Opened other = TransportKeys.open(blob, zb, new GuestPolicy(0x0100_0000));
      assertEquals(
          "SESSION.POLICY_MAC", assertInstanceOf(Opened.Refused.class, other).finding().field());
    }
  }

  @Test
  void shouldTakeASecretPacketOnceItsMacFits() {
    try (TransportKeys keys = TransportKeys.generate(random)) {
      Measurement m = keys.measure(1, 55, 1, new GuestPolicy(0), new byte[32], new byte[16]);
      byte[] secret = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);
      TransportKeys.Packet p = keys.sealSecret(secret, new byte[16], m);
      assertNotEquals(HEX.formatHex(secret), HEX.formatHex(p.ciphertext()));
      assertTrue(keys.secretIsAuthentic(p.header(), 16, p.ciphertext(), m));
      assertArrayEquals(secret, keys.openSecret(p.header(), p.ciphertext()));
      assertFalse(keys.secretIsAuthentic(p.header(), 32, p.ciphertext(), m));
      Measurement other = keys.measure(1, 55, 2, new GuestPolicy(0), new byte[32], new byte[16]);
      assertFalse(keys.secretIsAuthentic(p.header(), 16, p.ciphertext(), other));
    }
  }

  @Test
  void shouldGiveNothingAwayOnceCleared() {
    SecretBytes s = SecretBytes.copyOf(new byte[] {1, 2, 3});
    assertFalse(s.toString().contains("1, 2"));
    SecretBytes twin = s.duplicate();
    s.close();
    assertTrue(s.isClosed());
    assertThrows(IllegalStateException.class, () -> bytes(s));
    assertThrows(IllegalStateException.class, () -> Primitives.hmacSha256(s));
    assertArrayEquals(new byte[] {1, 2, 3}, bytes(twin));
    assertFalse(twin.sameAs(SecretBytes.copyOf(new byte[] {1, 2, 4})));
    assertThrows(IllegalArgumentException.class, () -> SecretBytes.copyOf(new byte[0]));
  }

  @Test
  void shouldMakeTheSameKeyFromTheSameSeed() {
    try (SecretBytes seed = zeros(32);
        P384PrivateKey a = P384PrivateKey.fromSeed(seed, "cek");
        P384PrivateKey b = P384PrivateKey.fromSeed(seed, "cek");
        P384PrivateKey c = P384PrivateKey.fromSeed(seed, "pek");
        P384PrivateKey again = P384PrivateKey.ofScalar(a.scalar())) {
      assertEquals(a.publicKey(), b.publicKey());
      assertEquals(a.publicKey(), again.publicKey());
      assertNotEquals(a.publicKey(), c.publicKey());
      assertThrows(IllegalArgumentException.class, () -> P384PrivateKey.ofScalar(zeros(48)));
    }
  }

  @Test
  void shouldRefusePointsOffTheCurve() {
    try (P384PrivateKey k = P384PrivateKey.generate(random)) {
      byte[] x = k.publicKey().qx();
      byte[] y = k.publicKey().qy();
      assertTrue(P384PublicKey.of(x, y).isPresent());
      assertFalse(P384PublicKey.of(y, x).isPresent());
      assertFalse(P384PublicKey.of(new byte[72], new byte[72]).isPresent());
      x[71] = 1;
      assertFalse(P384PublicKey.of(x, y).isPresent(), "coordinate not reduced");
    }
  }

  @Test
  void shouldAgreeWithTheJdkOnSignatures() throws Exception {
    var g = java.security.KeyPairGenerator.getInstance("EC");
    g.initialize(new java.security.spec.ECGenParameterSpec("secp384r1"));
    var pair = g.generateKeyPair();
    var point = ((java.security.interfaces.ECPublicKey) pair.getPublic()).getW();
    byte[] message = {1, 2, 3};
    var signer = java.security.Signature.getInstance("SHA256withECDSAinP1363Format");
    signer.initSign(pair.getPrivate());
    signer.update(message);
    byte[] rs = signer.sign();
    P384PublicKey key =
        P384PublicKey.of(
                P384PublicKey.toLittleEndian(point.getAffineX(), 72),
                P384PublicKey.toLittleEndian(point.getAffineY(), 72))
            .orElseThrow();
    byte[] digest = Primitives.sha256(message);
    byte[] r = P384PublicKey.reversed(java.util.Arrays.copyOf(rs, 48));
    byte[] s = P384PublicKey.reversed(java.util.Arrays.copyOfRange(rs, 48, 96));
    assertTrue(key.verify(digest, r, s));
    assertFalse(key.verify(digest, s, r));
  }
}
