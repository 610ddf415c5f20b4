package org.redoubt.crypto;

import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.cert.CaCertificate;
import org.redoubt.spec.sev.cert.PlatformChain;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.cert.Usage;

/**
 * A platform's whole chain, judged certificate by certificate, from the root down:
 *
 * <pre>
 * ARK  signed by itself; trusted only if it is the one the verifier was given
 * +- ASK
 *    +- CEK
 *       +- PEK  signed by OCA too
 *          +- PDH
 * OCA  signed by itself
 * </pre>
 *
 * @param entries one per certificate, in the order ARK, ASK, CEK, OCA, PEK, PDH
 */
public record ChainReport(List<Entry> entries) {
  /**
   * One certificate's verdict.
   *
   * @param usage which certificate
   * @param finding what is wrong with it or its signatures; empty: good, given that its parents are
   */
  public record Entry(Usage usage, Optional<Finding> finding) {}

  /** Copies the list. */
  public ChainReport {
    entries = List.copyOf(entries);
  }

  /** Whether nothing is wrong anywhere. */
  public boolean valid() {
    return firstFinding().isEmpty();
  }

  /** The first thing that is wrong, from the root down. */
  public Optional<Finding> firstFinding() {
    return entries.stream().flatMap(e -> e.finding().stream()).findFirst();
  }

  /**
   * Judges a chain against a root.
   *
   * @param trustedArk the root the verifier trusts, from a source of its own
   * @param ark the root that came with the chain
   */
  public static ChainReport of(
      CaCertificate trustedArk, CaCertificate ark, CaCertificate ask, PlatformChain chain) {
    return new ChainReport(
        List.of(
            new Entry(Usage.ARK, checkArk(trustedArk, ark)),
            new Entry(Usage.ASK, checkAsk(ask, ark)),
            new Entry(Usage.CEK, checkCek(chain.cek(), ask)),
            new Entry(Usage.OCA, checkOca(chain.oca())),
            new Entry(Usage.PEK, checkPek(chain.pek(), chain.oca(), chain.cek())),
            new Entry(Usage.PDH, checkPdh(chain.pdh(), chain.pek()))));
  }

  /** Judges a root: form, own signature, and that it is the trusted one. */
  public static Optional<Finding> checkArk(CaCertificate trusted, CaCertificate ark) {
    return first(
        () -> Certificates.checkBody(ark, Usage.ARK),
        () -> Certificates.checkSignedBy(ark, ark),
        () ->
            ark.equals(trusted)
                ? Optional.empty()
                : Optional.of(
                    new Finding(
                        FirmwareStatus.INVALID_CERTIFICATE,
                        "ARK",
                        "the trusted root " + id(trusted),
                        id(ark))));
  }

  /** Judges an ASK under its ARK. */
  public static Optional<Finding> checkAsk(CaCertificate ask, CaCertificate ark) {
    return first(
        () -> Certificates.checkBody(ask, Usage.ASK),
        () -> parent(Usage.ASK, Usage.ARK, Certificates.checkBody(ark, Usage.ARK)),
        () -> Certificates.checkSignedBy(ask, ark));
  }

  /** Judges a CEK under its ASK. */
  public static Optional<Finding> checkCek(SevCertificate cek, CaCertificate ask) {
    return first(
        () -> Certificates.checkBody(cek, Usage.CEK),
        () -> parent(Usage.CEK, Usage.ASK, Certificates.checkBody(ask, Usage.ASK)),
        () -> Certificates.checkSignedBy(cek, ask),
        () -> Certificates.checkOtherSlotsEmpty(cek, Usage.ASK));
  }

  /** Judges an OCA, which signs itself. */
  public static Optional<Finding> checkOca(SevCertificate oca) {
    return first(
        () -> Certificates.checkBody(oca, Usage.OCA),
        () -> Certificates.checkSignedBy(oca, oca),
        () -> Certificates.checkOtherSlotsEmpty(oca, Usage.OCA));
  }

  /** Judges a PEK under its two parents. */
  public static Optional<Finding> checkPek(
      SevCertificate pek, SevCertificate oca, SevCertificate cek) {
    return first(
        () -> Certificates.checkBody(pek, Usage.PEK),
        () -> parent(Usage.PEK, Usage.OCA, Certificates.checkBody(oca, Usage.OCA)),
        () -> Certificates.checkSignedBy(pek, oca),
        () -> parent(Usage.PEK, Usage.CEK, Certificates.checkBody(cek, Usage.CEK)),
        () -> Certificates.checkSignedBy(pek, cek));
  }

  /** Judges a PDH under its PEK. */
  public static Optional<Finding> checkPdh(SevCertificate pdh, SevCertificate pek) {
    return first(
        () -> Certificates.checkBody(pdh, Usage.PDH),
        () -> parent(Usage.PDH, Usage.PEK, Certificates.checkBody(pek, Usage.PEK)),
        () -> Certificates.checkSignedBy(pdh, pek),
        () -> Certificates.checkOtherSlotsEmpty(pdh, Usage.PEK));
  }

  @FunctionalInterface
  private interface Check {
    Optional<Finding> run();
  }

  private static Optional<Finding> first(Check... checks) {
    for (Check c : checks) {
      Optional<Finding> f = c.run();
      if (f.isPresent()) {
        return f;
      }
    }
    return Optional.empty();
  }

  private static Optional<Finding> parent(Usage child, Usage parent, Optional<Finding> wrong) {
    return wrong.map(f ->
        new Finding(
            f.status(),
            child.name(),
            "a valid " + parent + " above it",
            "one with a wrong " + f.field()));
  }

  private static String id(CaCertificate cert) {
    return HexFormat.of().formatHex(cert.keyId());
  }
}
