package org.redoubt.firmware.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.AttestationBuffer;

/**
 * The report of ATTESTATION, verified by {@code openssl} with the PEK out of its certificate: only
 * offsets of the report and the certificate are known here, none of our code for them is used.
 */
final class AttestationTest {
  private static final GuestPolicy POLICY = new GuestPolicy(0x0001_0001);

  @TempDir Path folder;

  @Test
  void shouldVerifyWithThePekOutsideOfOurCode() throws Exception {
    assumeTrue(openssl("version").status == 0, "no openssl here");
    byte[] nonce = HexFormat.of().parseHex("00112233445566778899aabbccddeeff");
    byte[] report;
    byte[] pek;
    try (Host host = new Host().init()) {
      byte[] content = new byte[Host.GUEST_BYTES];
      Arrays.fill(content, (byte) 0x5A);
      host.put(Host.GUEST, content);
      int guest = host.launchStartUnattested(POLICY.bits());
      host.activate(guest, 1);
      host.update(guest);
      host.measure(guest);
      host.must(SevCommand.LAUNCH_FINISH, guest);
      assertEquals(
          FirmwareStatus.SUCCESS,
          host.issue(
              SevCommand.ATTESTATION, AttestationBuffer.of(guest, Host.OUT, nonce, 208)::write));
      report = host.get(Host.OUT, 208);
      pek = host.platform().keys().pekCertificate().toBytes();
      assertArrayEquals(
          MessageDigest.getInstance("SHA-256").digest(content), slice(report, 16, 32));
    }
    assertArrayEquals(nonce, slice(report, 0, 16));
    assertArrayEquals(HexFormat.of().parseHex("01000100"), slice(report, 48, 4));
    assertArrayEquals(HexFormat.of().parseHex("02100000"), slice(report, 52, 4)); // PEK
    assertArrayEquals(HexFormat.of().parseHex("02000000"), slice(report, 56, 4)); // ECDSA, SHA-256
    assertEquals(0, verify(report, pek).status, verify(report, pek).output);
    for (int at : new int[] {0, 16, 47, 48, 51, 64, 64 + 72}) {
      byte[] changed = report.clone();
      changed[at] ^= 1;
      assertNotEquals(0, verify(changed, pek).status, "byte " + at);
    }
  }

  private Outcome verify(byte[] report, byte[] pek) throws Exception {
    Path message = Files.write(folder.resolve("message"), slice(report, 0, 52));
    Path signature =
        Files.write(
            folder.resolve("signature"), sequence(integer(report, 64), integer(report, 64 + 72)));
    // SubjectPublicKeyInfo of a P-384 key, up to the uncompressed point. RFC 5480.
    byte[] head = HexFormat.of().parseHex("3076301006072a8648ce3d020106052b8104002203620004");
    byte[] point = new byte[96];
    System.arraycopy(bigEndian(pek, 20), 0, point, 0, 48);
    System.arraycopy(bigEndian(pek, 20 + 72), 0, point, 48, 48);
    byte[] der = Arrays.copyOf(head, head.length + point.length);
    System.arraycopy(point, 0, der, head.length, point.length);
    Path key = Files.write(folder.resolve("pek.der"), der);
    return openssl(
        "dgst",
        "-sha256",
        "-keyform",
        "DER",
        "-verify",
        key.toString(),
        "-signature",
        signature.toString(),
        message.toString());
  }

  private static byte[] slice(byte[] bytes, int at, int count) {
    return Arrays.copyOfRange(bytes, at, at + count);
  }

  private static byte[] bigEndian(byte[] little, int at) {
    byte[] out = new byte[48];
    for (int i = 0; i < 48; i++) {
      out[i] = little[at + 47 - i];
    }
    return out;
  }

  private static byte[] integer(byte[] report, int at) {
    return new BigInteger(1, bigEndian(report, at)).toByteArray();
  }

  private static byte[] sequence(byte[] r, byte[] s) {
    byte[] out = new byte[6 + r.length + s.length];
    out[0] = 0x30;
    out[1] = (byte) (out.length - 2);
    out[2] = 2;
    out[3] = (byte) r.length;
    System.arraycopy(r, 0, out, 4, r.length);
    out[4 + r.length] = 2;
    out[5 + r.length] = (byte) s.length;
    System.arraycopy(s, 0, out, 6 + r.length, s.length);
    return out;
  }

  private record Outcome(int status, String output) {}

  private static Outcome openssl(String... arguments) throws InterruptedException {
    List<String> command = new java.util.ArrayList<>(List.of("openssl"));
    command.addAll(List.of(arguments));
    try {
      Process p = new ProcessBuilder(command).redirectErrorStream(true).start();
      String out = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      return new Outcome(p.waitFor(), out);
    } catch (IOException e) {
      return new Outcome(127, e.toString());
    }
  }
}
