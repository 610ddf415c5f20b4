package org.redoubt.crypto;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Optional;
import java.util.function.Function;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.redoubt.spec.sev.cert.CaCertificate;
import org.redoubt.spec.sev.cert.PlatformChain;
import org.redoubt.spec.sev.cert.SevCertificate;

/**
 * SOURCE: shared/vectors/sev-rome, certificates of a Rome platform made by AMD (test data of
 * virtee/sev).
 */
final class RomeChainTest {
  private static CaCertificate ark;
  private static CaCertificate ask;
  private static SevCertificate cek;
  private static SevCertificate oca;
  private static SevCertificate pek;
  private static SevCertificate pdh;

  @BeforeAll
  static void read() {
    ark = new CaCertificate(Vectors.read("sev-rome/ark.cert"));
    ask = new CaCertificate(Vectors.read("sev-rome/ask.cert"));
    cek = new SevCertificate(Vectors.read("sev-rome/cek.cert"));
    oca = new SevCertificate(Vectors.read("sev-rome/oca.cert"));
    pek = new SevCertificate(Vectors.read("sev-rome/pek.cert"));
    pdh = new SevCertificate(Vectors.read("sev-rome/pdh.cert"));
  }

  @Test
  void shouldAcceptWhatAmdMade() {
    ChainReport report = ChainReport.of(ark, ark, ask, new PlatformChain(pdh, pek, oca, cek));
    assertEquals(Optional.empty(), report.firstFinding());
    assertEquals(6, report.entries().size());
  }

  @Test
  void shouldRefuseAnyFlippedByteOfTheArk() {
    refuseEveryFlip(ark.toBytes(), raw -> ChainReport.checkArk(ark, new CaCertificate(raw)));
  }

  @Test
  void shouldRefuseAnyFlippedByteOfTheAsk() {
    refuseEveryFlip(ask.toBytes(), raw -> ChainReport.checkAsk(new CaCertificate(raw), ark));
  }

  @Test
  void shouldRefuseAnyFlippedByteOfTheCek() {
    refuseEveryFlip(cek.toBytes(), raw -> ChainReport.checkCek(new SevCertificate(raw), ask));
  }

  @Test
  void shouldRefuseAnyFlippedByteOfTheOca() {
    refuseEveryFlip(oca.toBytes(), raw -> ChainReport.checkOca(new SevCertificate(raw)));
  }

  @Test
  void shouldRefuseAnyFlippedByteOfThePek() {
    refuseEveryFlip(pek.toBytes(), raw -> ChainReport.checkPek(new SevCertificate(raw), oca, cek));
  }

  @Test
  void shouldRefuseAnyFlippedByteOfThePdh() {
    refuseEveryFlip(pdh.toBytes(), raw -> ChainReport.checkPdh(new SevCertificate(raw), pek));
  }

  private static void refuseEveryFlip(byte[] raw, Function<byte[], Optional<Finding>> check) {
    assertEquals(Optional.empty(), check.apply(raw), "unchanged");
    for (int i = 0; i < raw.length; i++) {
      raw[i] ^= (byte) (1 << (i & 7));
      int at = i;
      assertTrue(check.apply(raw).isPresent(), () -> "byte %Xh flipped and taken".formatted(at));
      raw[i] ^= (byte) (1 << (i & 7));
    }
  }
}
