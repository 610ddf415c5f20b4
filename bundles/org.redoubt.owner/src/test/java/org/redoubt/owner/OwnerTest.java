package org.redoubt.owner;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.redoubt.crypto.Certificates;
import org.redoubt.crypto.ChainReport;
import org.redoubt.crypto.P384PrivateKey;
import org.redoubt.crypto.SecretBytes;
import org.redoubt.crypto.TransportKeys;
import org.redoubt.owner.LaunchCheck.Firmware;
import org.redoubt.owner.LaunchCheck.Verdict;
import org.redoubt.owner.LaunchPrediction.Region;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.cert.Algorithm;
import org.redoubt.spec.sev.cert.CaCertificate;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.cert.Usage;
import org.redoubt.spec.sev.command.Measurement;
import org.redoubt.spec.sev.command.SessionBlob;

final class OwnerTest {
  private static final GuestPolicy POLICY = new GuestPolicy(0x0001_0001);
  private static final Firmware FIRMWARE = new Firmware(1, 55, 1);

  private final SecureRandom random = new SecureRandom();
  @TempDir Path folder;

  private static SevCertificate pdh(P384PrivateKey key) {
    return SevCertificate.unsigned(
        1, 55, Usage.PDH, Algorithm.ECDH_SHA256, key.publicKey().qx(), key.publicKey().qy());
  }

  @Test
  void shouldWriteASessionThatThePlatformOpens() throws Exception {
    try (P384PrivateKey platform = P384PrivateKey.generate(random);
        OwnerSession session = OwnerSession.start(pdh(platform), POLICY, random)) {
      OwnerSession.SessionFiles f = session.save(folder, "vm1");
      assertEquals(folder.resolve("vm1_godh.b64"), f.dhCertificate());
      assertEquals(folder.resolve("vm1_session.b64"), f.session());
      assertEquals(16, Files.size(folder.resolve("vm1_tik.bin")));
      assertEquals(16, Files.size(folder.resolve("vm1_tek.bin")));
      byte[] text = Files.readAllBytes(f.session());
      assertEquals(172, text.length, "base64 of 128 bytes, no line end");
      SessionBlob blob = new SessionBlob(Base64.getDecoder().decode(text));
      SevCertificate cert = new SevCertificate(OwnerSession.readBlob(f.dhCertificate(), 2084));
      assertEquals(Optional.empty(), Certificates.checkBody(cert, Usage.PDH));
      try (SecretBytes z = platform.agree(Certificates.publicKey(cert))) {
        TransportKeys got =
            assertInstanceOf(TransportKeys.Opened.Keys.class, TransportKeys.open(blob, z, POLICY))
                .keys();
        TransportKeys read = OwnerSession.readKeys(f.tik(), f.tek());
        assertTrue(got.tik().sameAs(read.tik()));
        assertTrue(got.tek().sameAs(read.tek()));
      }
    }
  }

  @Test
  void shouldRefuseWhatIsNoPdhOrNoPolicy() throws IOException {
    try (P384PrivateKey key = P384PrivateKey.generate(random)) {
      SevCertificate pek =
          SevCertificate.unsigned(
              1, 55, Usage.PEK, Algorithm.ECDSA_SHA256, key.publicKey().qx(), key.publicKey().qy());
      OwnerException e =
          assertThrows(OwnerException.class, () -> OwnerSession.start(pek, POLICY, random));
      assertTrue(
          String.valueOf(e.getMessage()).contains("PUBKEY_USAGE: expected PDH, found PEK"),
          e.getMessage());
      assertThrows(
          OwnerException.class, () -> OwnerSession.start(pdh(key), new GuestPolicy(0x40), random));
    }
    Path tik = Files.write(folder.resolve("x_tik.bin"), new byte[15]);
    assertThrows(OwnerException.class, () -> OwnerSession.readKeys(tik, tik));
    assertThrows(OwnerException.class, () -> OwnerSession.readBlob(tik, 48));
  }

  // Launch verification

  private LaunchPrediction prediction(int... seeds) {
    List<Region> regions = new ArrayList<>();
    for (int i = 0; i < seeds.length; i++) {
      byte[] bytes = new byte[4096];
      Arrays.fill(bytes, (byte) seeds[i]);
      regions.add(new Region("part" + i, 0x1000L * i, MemorySegment.ofArray(bytes)));
    }
    return new LaunchPrediction(regions);
  }

  private static Measurement measure(
      TransportKeys keys, Firmware f, GuestPolicy policy, byte[] digest) {
    byte[] nonce = {9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9};
    return keys.measure(f.apiMajor(), f.apiMinor(), f.build(), policy, digest, nonce);
  }

  private void assertBlames(
      String region, LaunchPrediction expected, LaunchPrediction launched, boolean log) {
    try (TransportKeys keys = TransportKeys.generate(random)) {
      Measurement m = measure(keys, FIRMWARE, POLICY, launched.digest());
      Verdict v =
          new LaunchCheck(keys, POLICY, FIRMWARE)
              .check(m, expected, log ? launched.steps() : List.of());
      assertFalse(v.valid());
      assertEquals(Optional.of(region), v.region(), v.explanation());
      assertTrue(v.explanation().contains(region), v.explanation());
    }
  }

  @Test
  void shouldAcceptTheExpectedLaunchAndNothingElse() {
    try (TransportKeys keys = TransportKeys.generate(random);
        TransportKeys other = TransportKeys.generate(random)) {
      LaunchPrediction p = prediction(1, 2, 3);
      LaunchCheck check = new LaunchCheck(keys, POLICY, FIRMWARE);
      Measurement m = measure(keys, FIRMWARE, POLICY, p.digest());
      assertTrue(check.check(m, p, List.of()).valid());
      assertArrayEquals(p.digest(), p.steps().getLast().digest());
      byte[] raw = m.toBytes();
      for (int i = 0; i < raw.length; i++) {
        raw[i] ^= 1;
        assertFalse(check.confirms(new Measurement(raw), p.digest()), "byte " + i);
        raw[i] ^= 1;
      }
      assertFalse(new LaunchCheck(other, POLICY, FIRMWARE).confirms(m, p.digest()));
      assertFalse(new LaunchCheck(keys, new GuestPolicy(0), FIRMWARE).confirms(m, p.digest()));
      Verdict build = new LaunchCheck(keys, POLICY, new Firmware(1, 54, 7)).check(m, p, List.of());
      assertFalse(build.valid());
      assertEquals(
          "The launched bytes are right, but the firmware is 1.55 build 1, expected 1.54 build 7.",
          build.explanation());
    }
  }

  @Test
  void shouldNameTheFirstRegionThatDiffersByTheHostsLog() {
    assertBlames("part1", prediction(1, 2, 3), prediction(1, 9, 3), true);
    assertBlames("part0", prediction(1, 2, 3), prediction(9, 8, 3), true);
    assertBlames("part2", prediction(1, 2, 3), prediction(1, 2), true);
    assertBlames("part3", prediction(1, 2, 3), prediction(1, 2, 3, 4), true);
  }

  @Test
  void shouldNameARegionThatIsMissingOrSwappedWithoutAnyLog() {
    assertBlames("part2", prediction(1, 2, 3), prediction(1, 2), false);
    assertBlames("part0", prediction(1, 2, 3), prediction(2, 3), false);
    assertBlames("part1", prediction(1, 2, 3), prediction(1, 3), false);
    assertBlames("part1", prediction(1, 2, 3), prediction(1, 3, 2), false);
    assertBlames("part0", prediction(1, 2, 3), prediction(), false);
  }

  @Test
  void shouldNotBelieveALogThatWasNotMeasured() {
    try (TransportKeys keys = TransportKeys.generate(random)) {
      LaunchPrediction expected = prediction(1, 2, 3);
      Measurement m = measure(keys, FIRMWARE, POLICY, prediction(1, 9, 3).digest());
      Verdict v =
          new LaunchCheck(keys, POLICY, FIRMWARE).check(m, expected, prediction(9, 9, 9).steps());
      assertFalse(v.valid());
      assertEquals(Optional.empty(), v.region());
      assertTrue(v.explanation().endsWith("The host's log is not what was measured either."));
      Verdict lie = new LaunchCheck(keys, POLICY, FIRMWARE).check(m, expected, expected.steps());
      assertFalse(lie.valid(), "a log of what was expected proves nothing");
    }
  }

  @Test
  void shouldReadBackALogAndNameABadLine() throws OwnerException {
    List<LaunchPrediction.Step> steps = prediction(1, 2).steps();
    List<LaunchPrediction.Step> read = LaunchLog.parse(LaunchLog.format(steps));
    assertEquals(2, read.size());
    assertEquals("part1", read.get(1).name());
    assertArrayEquals(steps.get(1).digest(), read.get(1).digest());
    for (String bad : List.of("1000", "x 10 00 n", "10 10 0011 n", "10 10")) {
      OwnerException e = assertThrows(OwnerException.class, () -> LaunchLog.parse("# c\n" + bad));
      assertTrue(String.valueOf(e.getMessage()).startsWith("Line 2 of the log"), e.getMessage());
    }
  }

  @Test
  void shouldRefuseAKernelThatIsNone() {
    OwnerException e =
        assertThrows(
            OwnerException.class,
            () ->
                LaunchPrediction.ofLinux(
                    MemorySegment.ofArray(new byte[1000]),
                    MemorySegment.ofArray(new byte[0]),
                    "quiet",
                    org.redoubt.linux.boot.Machine.of(256 << 20, 1),
                    0));
    assertFalse(String.valueOf(e.getMessage()).isEmpty());
  }

  // Secrets

  @Test
  void shouldBuildTheTableThatTheToolsRead() {
    Map<UUID, byte[]> secrets = new LinkedHashMap<>();
    secrets.put(UUID.fromString("736869e5-84f0-4973-92ec-06879ce3da0b"), new byte[] {1, 2, 3});
    // SOURCE: Python's uuid.bytes_le of both GUIDs, lengths and padding by hand.
    assertEquals(
        "42f5741edd71664d963eef4287ff173b2b000000e5696873f084734992ec06879ce3da0b170000000102030000000000",
        HexFormat.of().formatHex(SecretTable.build(secrets)));
    assertEquals(16, SecretTable.plain(new byte[1]).length);
    assertEquals(32, SecretTable.plain(new byte[17]).length);
  }

  @Test
  void shouldSealASecretForOneMeasurement() throws OwnerException {
    try (TransportKeys keys = TransportKeys.generate(random)) {
      Measurement m = measure(keys, FIRMWARE, POLICY, new byte[32]);
      TransportKeys.Packet p = SecretPacket.seal(keys, m, new byte[32], random);
      assertTrue(keys.secretIsAuthentic(p.header(), 32, p.ciphertext(), m));
      assertThrows(OwnerException.class, () -> SecretPacket.seal(keys, m, new byte[15], random));
      assertThrows(OwnerException.class, () -> SecretPacket.seal(keys, m, new byte[0], random));
    }
  }

  // Platforms. SOURCE: shared/vectors/sev-rome, certificates of a Rome platform made by AMD.

  private static byte[] vector(String name) throws IOException {
    for (Path dir = Path.of("").toAbsolutePath(); dir != null; dir = dir.getParent()) {
      Path file = dir.resolve("shared/vectors/sev-rome").resolve(name + ".cert");
      if (Files.exists(file)) {
        return Files.readAllBytes(file);
      }
    }
    if (System.getenv("CI") != null) {
      throw new AssertionError(
          "shared/vectors is in no folder above " + Path.of("").toAbsolutePath());
    }
    return Assumptions.abort("shared/vectors is not here");
  }

  private static byte[] chain(String... names) throws IOException {
    byte[] all = {};
    for (String n : names) {
      byte[] part = vector(n);
      all = Arrays.copyOf(all, all.length + part.length);
      System.arraycopy(part, 0, all, all.length - part.length, part.length);
    }
    return all;
  }

  @Test
  void shouldVerifyAnAmdPlatformUnderAmdsRootOnly() throws Exception {
    byte[] full = chain("pdh", "pek", "oca", "cek", "ask", "ark");
    ChainFile file = ChainFile.of(full);
    assertArrayEquals(full, file.toBytes());
    CaCertificate ark = new CaCertificate(vector("ark"));
    assertTrue(PlatformCheck.check(ark, file).valid());
    byte[] otherRoot = ark.toBytes();
    otherRoot[4] ^= 1;
    ChainReport r = PlatformCheck.check(new CaCertificate(otherRoot), file);
    assertEquals("ARK", r.firstFinding().orElseThrow().field());
    ChainFile own = ChainFile.of(chain("pdh", "pek", "oca", "cek"));
    assertThrows(OwnerException.class, () -> PlatformCheck.check(ark, own));
    assertEquals(own.platform().pdh(), ChainFile.pdhOf(vector("pdh")));
    assertThrows(OwnerException.class, () -> ChainFile.of(new byte[8337]));
    try (OwnerSession s = OwnerSession.start(own.platform().pdh(), POLICY, random)) {
      assertEquals(128, s.blob().toBytes().length);
    }
  }
}
