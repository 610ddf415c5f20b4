package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.redoubt.spec.sev.cert.Algorithm;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.cert.Usage;

/**
 * A platform owner's certificate authority that has nothing but {@code openssl}: its key is made
 * and used there; only the fields of a certificate are put together here.
 */
final class OpenSslCa {
  private static final int COORDINATE_BYTES = 48;
  private static final int FIELD_BYTES = 72;

  private final Path folder;
  private final Path key;

  private OpenSslCa(Path folder, Path key) {
    this.folder = folder;
    this.key = key;
  }

  /** A fresh key in {@code folder}. */
  static OpenSslCa make(Path folder, String name) throws Exception {
    Path key = folder.resolve(name + ".pem");
    openssl(
        folder,
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:secp384r1",
        "-out",
        key.toString());
    return new OpenSslCa(folder, key);
  }

  /** An unsigned certificate of the key, for any use. */
  SevCertificate unsigned(Usage usage) throws Exception {
    Path der = folder.resolve("public.der");
    openssl(folder, "pkey", "-in", key.toString(), "-pubout", "-outform", "DER", "-out", der + "");
    byte[] spki = Files.readAllBytes(der);
    int x = spki.length - 2 * COORDINATE_BYTES; // SubjectPublicKeyInfo ends with X and Y
    return SevCertificate.unsigned(
        1, 0, usage, Algorithm.ECDSA_SHA256, coordinate(spki, x), coordinate(spki, x + 48));
  }

  /** The authority's certificate, signed by itself. */
  SevCertificate certificate() throws Exception {
    return sign(unsigned(Usage.OCA));
  }

  /** Signs a certificate as an OCA. */
  SevCertificate sign(SevCertificate certificate) throws Exception {
    return sign(certificate, Usage.OCA);
  }

  /** Signs a certificate as whatever. */
  SevCertificate sign(SevCertificate certificate, Usage as) throws Exception {
    Path body = Files.write(folder.resolve("body"), certificate.body());
    Path der = folder.resolve("signature.der");
    openssl(folder, "dgst", "-sha256", "-sign", key.toString(), "-out", der + "", body.toString());
    byte[] sequence = Files.readAllBytes(der); // 30 n 02 n R 02 n S
    int rBytes = sequence[3];
    int sAt = 4 + rBytes + 2;
    byte[] signature = new byte[2 * FIELD_BYTES];
    little(sequence, 4, rBytes, signature, 0);
    little(sequence, sAt, sequence[sAt - 1], signature, FIELD_BYTES);
    return certificate.withSignature(0, as, Algorithm.ECDSA_SHA256, signature);
  }

  private static byte[] coordinate(byte[] spki, int at) {
    byte[] out = new byte[FIELD_BYTES];
    little(spki, at, COORDINATE_BYTES, out, 0);
    return out;
  }

  /** Big-endian bytes, the other way round. */
  private static void little(byte[] big, int at, int count, byte[] out, int outAt) {
    byte[] number = Arrays.copyOfRange(big, at, at + count);
    for (int i = 0; i < count && i < FIELD_BYTES; i++) {
      out[outAt + i] = number[count - 1 - i];
    }
  }

  private static void openssl(Path folder, String... arguments) throws Exception {
    String[] line = new String[arguments.length + 1];
    line[0] = "openssl";
    System.arraycopy(arguments, 0, line, 1, arguments.length);
    Processes.Outcome outcome = Processes.run(folder, Map.of(), "", line);
    assertEquals(0, outcome.status(), outcome::toString);
  }
}
