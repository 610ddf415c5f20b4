package org.redoubt.shell.internal.owner;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.redoubt.crypto.Certificates;
import org.redoubt.crypto.ChainReport;
import org.redoubt.crypto.P384PrivateKey;
import org.redoubt.crypto.TransportKeys;
import org.redoubt.owner.LaunchLog;
import org.redoubt.owner.LaunchPrediction;
import org.redoubt.owner.OwnerSession;
import org.redoubt.owner.SecretPacket;
import org.redoubt.shell.internal.Called;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.cert.Algorithm;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.cert.Usage;
import org.redoubt.spec.sev.command.Measurement;
import org.redoubt.spec.sev.command.PacketHeader;

/** The commands {@code owner:}, file by file. */
final class OwnerCommandsTest {
  @TempDir Path folder;

  private Path file(String name, byte[] bytes) throws Exception {
    return Files.write(folder.resolve(name), bytes);
  }

  private Path pdh() throws Exception {
    try (P384PrivateKey key = P384PrivateKey.generate(new SecureRandom())) {
      return file(
          "pdh",
          SevCertificate.unsigned(
                  1,
                  55,
                  Usage.PDH,
                  Algorithm.ECDH_SHA256,
                  key.publicKey().qx(),
                  key.publicKey().qy())
              .toBytes());
    }
  }

  @Test
  void shouldSignAPlatformsRequestAsItsOwner() throws Exception {
    String name = folder.resolve("me").toString();
    Path key = Path.of(name + "_oca.pem");
    Path request;
    try (P384PrivateKey pek = P384PrivateKey.generate(new SecureRandom())) {
      request =
          file(
              "csr",
              SevCertificate.unsigned(
                      1,
                      55,
                      Usage.PEK,
                      Algorithm.ECDSA_SHA256,
                      pek.publicKey().qx(),
                      pek.publicKey().qy())
                  .toBytes());
    }
    byte[] csr = Files.readAllBytes(request);
    Called called = Called.of(new OwnerCertify(), "--name", name, request);
    assertEquals(0, called.status(), called.out());
    assertTrue(called.lines().get(1).matches("For policy:use same-oca: oca=[0-9a-f]{64}"));
    SevCertificate oca = new SevCertificate(Files.readAllBytes(Path.of(name + "_oca.cert")));
    SevCertificate signed = new SevCertificate(Files.readAllBytes(request));
    assertEquals(Optional.empty(), ChainReport.checkOca(oca));
    assertEquals(Optional.empty(), Certificates.checkSignedBy(signed, oca));
    assertArrayEquals(new SevCertificate(csr).body(), signed.body());
    byte[] pem = Files.readAllBytes(key);
    Files.write(request, csr);
    assertEquals(called, Called.of(new OwnerCertify(), "--name", name, request), "same key again");
    assertArrayEquals(pem, Files.readAllBytes(key));
    assertRefused("No request for a PEK's certificate: ", name, request); // signed already
    assertRefused("No request for a PEK's certificate: ", name, pdh());
    assertRefused("has 3 bytes", name, file("short", new byte[3]));
    Files.write(request, csr);
    Files.writeString(key, "-----BEGIN EC PRIVATE KEY-----\nAA==\n-----END EC PRIVATE KEY-----\n");
    assertRefused("openssl pkcs8 -topk8", name, request);
    Files.writeString(key, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    assertRefused("no key on P-384 in PKCS #8", name, request);
    assertArrayEquals(csr, Files.readAllBytes(request));
  }

  private static void assertRefused(String reason, String name, Path request) {
    Called called = Called.of(new OwnerCertify(), "--name", name, request);
    assertEquals(1, called.status(), called.out());
    assertEquals(1, called.lines().size(), called.out());
    assertTrue(called.out().contains(reason), called.out());
  }

  @Test
  void shouldStartASession() throws Exception {
    String name = folder.resolve("vm").toString(); // a name may lead into a folder
    Called called = Called.of(new OwnerSessionCommand(), "--name", name, pdh(), "0x1");
    assertEquals(0, called.status(), called.out());
    assertEquals(3, called.lines().size(), called.out());
    assertTrue(called.lines().get(2).startsWith("The platform was not checked"), called.out());
    assertEquals(2084, OwnerSession.readBlob(Path.of(name + "_godh.b64"), 2084).length);
    assertEquals(128, OwnerSession.readBlob(Path.of(name + "_session.b64"), 128).length);
    Object[][] bad = {
      {pdh(), "0x40"},
      {pdh(), "nix"},
      {pdh()},
      {folder.resolve("none"), "0x1"},
      {file("short", new byte[10]), "0x1"},
      {"--ark", file("root", new byte[10]), pdh(), "0x1"},
    };
    for (Object[] words : bad) {
      Called refused = Called.of(new OwnerSessionCommand(), words);
      assertTrue(refused.status() != 0, refused.out());
      assertEquals(1, refused.lines().size(), refused.out());
    }
  }

  @Test
  void shouldRefuseAPlatformWithoutItsMaker() throws Exception {
    Path chain = file("chain", new byte[4 * 2084]);
    Path ark = file("ark", new byte[1600]);
    Called called = Called.of(new OwnerVerifyPlatform(), chain, "--ark", ark);
    assertEquals(
        new Called(1, chain + " has no ASK and ARK: export it in full"), called, called.out());
    assertEquals(2, Called.of(new OwnerVerifyPlatform(), chain).status(), "no root to trust");
    Path zeros = file("zeros", new byte[4 * 2084 + 2 * 1600]);
    Called bad = Called.of(new OwnerVerifyPlatform(), zeros, "--ark", ark);
    assertEquals(1, bad.status());
    assertEquals(6, bad.lines().stream().filter(l -> l.contains("NOT VALID")).count(), bad.out());
  }

  /** A launch of one file, its measurement, and the session's keys, as files. */
  private record Launched(Path image, Path measurement, Path tik, Path tek, Measurement value) {
    Object[] with(Object... more) {
      return java.util.stream.Stream.concat(
              List.<Object>of("--tik", tik, "--tek", tek, "--measurement", measurement).stream(),
              java.util.Arrays.stream(more))
          .toArray();
    }
  }

  private Launched launched() throws Exception {
    byte[] bytes = new byte[8192];
    new SecureRandom().nextBytes(bytes);
    Path image = file("image", bytes);
    Path tik = file("tik", new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16});
    Path tek = file("tek", new byte[] {9, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16});
    try (TransportKeys keys = OwnerSession.readKeys(tik, tek)) {
      LaunchPrediction prediction =
          new LaunchPrediction(
              List.of(new LaunchPrediction.Region("image", 0, MemorySegment.ofArray(bytes))));
      Measurement m = keys.measure(1, 55, 1, new GuestPolicy(1), prediction.digest(), new byte[16]);
      Path measurement = file("m", Base64.getEncoder().encode(m.toBytes()));
      return new Launched(image, measurement, tik, tek, m);
    }
  }

  @Test
  void shouldVerifyAMeasurementOfAFile() throws Exception {
    Launched launch = launched();
    Called valid =
        Called.of(new OwnerVerify(), launch.with("--policy", "1", "--file", launch.image));
    assertEquals(0, valid.status(), valid.out());
    assertTrue(valid.out().startsWith("VALID: The launch digest is "), valid.out());
    String digest = valid.out().replaceAll(".*digest is ([0-9a-f]{64}).*\\s*", "$1");
    assertEquals(
        0, Called.of(new OwnerVerify(), launch.with("--policy", "1", "--digest", digest)).status());
    Called build =
        Called.of(
            new OwnerVerify(),
            launch.with("--policy", "1", "--file", launch.image, "--build", "7"));
    assertEquals(1, build.status());
    assertTrue(build.out().contains("the firmware is 1.55 build 1, expected 1.55 build 7"));
    Called policy =
        Called.of(new OwnerVerify(), launch.with("--policy", "3", "--file", launch.image));
    assertEquals(1, policy.status());
    assertTrue(policy.out().startsWith("NOT VALID: "), policy.out());
    Path other = file("other", new byte[8192]);
    Path log =
        Files.writeString(
            folder.resolve("log"),
            LaunchLog.format(new org.redoubt.owner.OwnerTasks().measureFile(launch.image).steps()));
    Called named =
        Called.of(
            new OwnerVerify(), launch.with("--policy", "1", "--file", other, "--host-log", log));
    assertEquals(1, named.status());
    assertTrue(named.out().contains("Region other at 0h differs"), named.out());
    Object[][] bad = {
      launch.with("--file", launch.image),
      launch.with("--policy", "1"),
      launch.with("--policy", "1", "--digest", "12"),
      launch.with("--policy", "1", "--file", launch.image, "--api", "nix"),
      launch.with("--policy", "1", "--file", folder.resolve("none")),
    };
    for (Object[] words : bad) {
      Called refused = Called.of(new OwnerVerify(), words);
      assertTrue(refused.status() != 0, refused.out());
      assertEquals(1, refused.lines().size(), refused.out());
    }
  }

  @Test
  void shouldMeasureRegionByRegionAndWriteTheLog() throws Exception {
    Launched launch = launched();
    Path log = folder.resolve("log");
    Called called = Called.of(new OwnerMeasure(), "--file", launch.image, "--log", log);
    assertEquals(0, called.status(), called.out());
    LaunchPrediction.Step step = LaunchLog.parse(Files.readString(log)).getFirst();
    assertEquals("image", step.name());
    String digest = java.util.HexFormat.of().formatHex(step.digest());
    assertEquals("Launch digest " + digest, called.lines().getLast());
    Called none = Called.of(new OwnerMeasure());
    assertEquals(new Called(1, "What is launched? It takes --kernel FILE or --file FILE"), none);
    Called noKernel = Called.of(new OwnerMeasure(), "--kernel", launch.image);
    assertEquals(1, noKernel.status());
    assertEquals(1, noKernel.lines().size(), noKernel.out());
    Called lots = Called.of(new OwnerMeasure(), "--kernel", launch.image, "--memory", "lots");
    assertEquals(2, lots.status());
    assertTrue(lots.out().contains("'lots' is not a size; write it as 512M or 1G"), lots.out());
  }

  @Test
  void shouldSealASecretThatTheLaunchTakes() throws Exception {
    Launched launch = launched();
    Path secret = file("secret", "open sesame".getBytes(java.nio.charset.StandardCharsets.UTF_8));
    Path header = folder.resolve("header");
    Path payload = folder.resolve("payload");
    Called called = Called.of(new OwnerSecret(), launch.with(secret, header, payload));
    assertEquals(0, called.status(), called.out());
    try (TransportKeys keys = OwnerSession.readKeys(launch.tik, launch.tek)) {
      PacketHeader head = new PacketHeader(Files.readAllBytes(header));
      byte[] body = Files.readAllBytes(payload);
      assertTrue(keys.secretIsAuthentic(head, 16, body, launch.value));
      assertArrayEquals(
          java.util.Arrays.copyOf(Files.readAllBytes(secret), 16), keys.openSecret(head, body));
    }
    // Both forms that the tools write are read back.
    byte[] raw = SecretPacket.read(header, payload).ciphertext();
    Files.write(header, Base64.getEncoder().encode(Files.readAllBytes(header)));
    Files.write(payload, Base64.getEncoder().encode(Files.readAllBytes(payload)));
    assertArrayEquals(raw, SecretPacket.read(header, payload).ciphertext());
    Called missing =
        Called.of(new OwnerSecret(), launch.with(folder.resolve("none"), header, payload));
    assertEquals(1, missing.status());
    assertEquals(1, missing.lines().size(), missing.out());
  }

  @Test
  void shouldFindItsCommandsFromTheCommandLine() throws Exception {
    Called called = Called.of(new OwnerMain(), "measure", "--file", launched().image);
    assertEquals(0, called.status(), called.out());
    assertTrue(called.out().contains("Launch digest "), called.out());
    Called none = Called.of(new OwnerMain(), "nix");
    assertEquals(
        new Called(
            1,
            "'owner nix' is none of [certify, measure, secret, session, verify, verify-platform]"),
        none);
    assertEquals(2, Called.of(new OwnerMain()).status());
  }

  @Test
  void shouldKeepKeysToTheirOwner() throws Exception {
    String name = folder.resolve("vm").toString();
    Called.of(new OwnerSessionCommand(), "--name", name, pdh(), "0x1");
    for (String key : List.of("_tik.bin", "_tek.bin")) {
      Path file = Path.of(name + key);
      assertEquals(
          "rw-------",
          java.nio.file.attribute.PosixFilePermissions.toString(
              Files.getPosixFilePermissions(file)));
      assertEquals(16, Files.size(file));
    }
  }
}
