package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.Vm;
import org.redoubt.itests.container.InsideRedoubt;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.cert.Usage;

/** A platform gets an owner, whose authority is {@code openssl}, and is given back. */
@ExtendWith(InsideRedoubt.class)
class PlatformOwnerIT {
  private static final int ALGORITHM_AT = 0x0C;
  private static final int CURVE_AT = 0x10;

  @TempDir private Path folder;

  @AfterEach
  void giveBack() {
    Services.get(Hypervisor.class).vms().forEach(Vm::close);
    if (new Shell().run("policy:list").lines().anyMatch(l -> l.matches("same-oca +yes .*"))) {
      new Shell().run("policy:use --off same-oca");
    }
    new Shell().run("psp:factory-reset");
  }

  private SevCertificate request() throws Exception {
    Path file = folder.resolve("pek.csr");
    new Shell().run("psp:csr " + file);
    return new SevCertificate(Files.readAllBytes(file));
  }

  private String importLine(byte[] pek, byte[] oca) throws Exception {
    Path pekFile = Files.write(folder.resolve("pek.cert"), pek);
    Path ocaFile = Files.write(folder.resolve("oca.cert"), oca);
    return "psp:import-oca " + pekFile + " " + ocaFile;
  }

  private static String refusal(String line) {
    AssertionError refused = assertThrows(AssertionError.class, () -> new Shell().run(line));
    return String.valueOf(refused.getMessage());
  }

  @Test
  void shouldLaunchOnPlatformsOfItsOwnerOnly() throws Exception {
    OpenSslCa owner = OpenSslCa.make(folder, "owner");
    Path kernel = Files.write(folder.resolve("kernel"), HandMadeKernel.of("fa f4 ebfd"));
    String create = "vm:create --name %s --memory 64M --kernel " + kernel + " --policy 0x1";
    String imported =
        new Shell().run(importLine(owner.sign(request()).toBytes(), owner.certificate().toBytes()));
    Matcher fingerprint = Pattern.compile("[0-9a-f]{64}").matcher(imported);
    assertTrue(fingerprint.find(), imported);
    String chain = new Shell().run("psp:certs");
    assertTrue(chain.contains("PEK  signed by CEK, OCA  valid"), chain);
    assertTrue(chain.contains("OCA  signed by itself  valid"), chain);
    assertTrue(new Shell().run("psp:status").contains("Owned externally"));
    Path exported = folder.resolve("chain");
    new Shell().run("psp:export " + exported);
    byte[] all = Files.readAllBytes(exported);
    int ocaAt = 2 * SevCertificate.BYTES; // PDH, PEK, OCA, CEK
    byte[] oca = Arrays.copyOfRange(all, ocaAt, ocaAt + SevCertificate.BYTES);
    assertArrayEquals(owner.unsigned(Usage.OCA).body(), new SevCertificate(oca).body());

    new Shell().run("policy:use same-oca oca=" + fingerprint.group());
    new Shell().run(create.formatted("ours"));
    new Shell().run("vm:start ours");
    assertTrue(refusal("psp:factory-reset").contains("stop their VMs first"));
    new Shell().run("vm:stop ours");
    new Shell().run("psp:factory-reset");
    assertTrue(new Shell().run("psp:status").contains("Self-owned"));
    String refused = refusal(create.formatted("theirs"));
    assertTrue(refused.contains("Policy same-oca refuses: this platform has the OCA "), refused);
  }

  @Test
  void shouldTakeAnOwnerWhoUsesTheOwnersCommand() throws Exception {
    Path csr = folder.resolve("pek");
    String name = folder.resolve("me").toString();
    new Shell().run("psp:csr " + csr);
    String signed = new Shell().run("owner:certify --name " + name + " " + csr);
    String imported = new Shell().run("psp:import-oca " + csr + " " + name + "_oca.cert");
    assertEquals(signed.lines().toList().get(1), imported.lines().toList().get(1));
    assertTrue(new Shell().run("psp:certs").contains("PEK  signed by CEK, OCA  valid"));
    // A key that openssl made does as well.
    new Shell().run("psp:factory-reset");
    OpenSslCa.make(folder, "other_oca");
    new Shell().run("psp:csr " + csr);
    String other = folder.resolve("other").toString();
    new Shell().run("owner:certify --name " + other + " " + csr);
    new Shell().run("psp:import-oca " + csr + " " + other + "_oca.cert");
    assertTrue(new Shell().run("psp:status").contains("Owned externally"));
  }

  @Test
  void shouldRefuseCertificatesThatDoNotFitInOneLine() throws Exception {
    OpenSslCa owner = OpenSslCa.make(folder, "owner");
    OpenSslCa stranger = OpenSslCa.make(folder, "stranger");
    byte[] former = owner.sign(request()).toBytes();
    new Shell().run("psp:factory-reset"); // another PEK from here on
    SevCertificate csr = request();
    byte[] pek = owner.sign(csr).toBytes();
    byte[] oca = owner.certificate().toBytes();
    String before = new Shell().run("psp:certs");
    record Bad(String what, byte[] pek, byte[] oca, String reason) {}
    for (Bad bad :
        new Bad[] {
          new Bad("wrong chain", pek, stranger.certificate().toBytes(), "BAD_SIGNATURE"),
          new Bad("wrong curve", pek, changed(oca, CURVE_AT, 1), "OCA.CURVE: expected 2 (P-384)"),
          new Bad("PEK's curve", changed(pek, CURVE_AT, 1), oca, "PEK.CURVE: expected 2 (P-384)"),
          new Bad("no curve", pek, changed(oca, ALGORITHM_AT, 1), "OCA.PUBKEY_ALGO"),
          new Bad(
              "wrong usage",
              pek,
              owner.sign(owner.unsigned(Usage.PEK), Usage.PEK).toBytes(),
              "OCA.PUBKEY_USAGE: expected OCA"),
          new Bad("expired", former, oca, "expected the certificate that PEK_CSR gives now"),
          new Bad(
              "self-signed",
              owner.sign(csr, Usage.PEK).toBytes(),
              oca,
              "expected a signature by OCA"),
          new Bad("not signed", csr.toBytes(), oca, "expected a signature by OCA"),
          new Bad(
              "not self-signed",
              pek,
              stranger.sign(owner.unsigned(Usage.OCA)).toBytes(),
              "BAD_SIGNATURE"),
          new Bad("oversized", Arrays.copyOf(pek, 2085), oca, "INVALID_LEN"),
          new Bad("much oversized", pek, new byte[1 << 20], "1048576 bytes"),
          new Bad("cut", pek, Arrays.copyOf(oca, 2083), "INVALID_LEN"),
          new Bad("nothing", new byte[0], oca, "INVALID_LEN"),
        }) {
      String line = refusal(importLine(bad.pek, bad.oca));
      assertTrue(line.contains(bad.reason), () -> bad.what + ": " + line);
      assertEquals(1, line.lines().count(), () -> bad.what + ": " + line);
      assertEquals(before, new Shell().run("psp:certs"), bad.what);
    }
    assertTrue(refusal("psp:import-oca /nowhere /nowhere").contains("There is no file /nowhere"));
    new Shell().run(importLine(pek, oca));
    assertTrue(
        refusal(importLine(pek, oca)).contains("expected the platform itself, found another OCA"));
  }

  private static byte[] changed(byte[] bytes, int at, int value) {
    byte[] out = bytes.clone();
    out[at] = (byte) value;
    return out;
  }
}
