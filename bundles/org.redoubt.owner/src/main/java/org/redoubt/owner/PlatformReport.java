package org.redoubt.owner;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.redoubt.crypto.ChainReport;
import org.redoubt.spec.sev.cert.CaCertificate;
import org.redoubt.spec.sev.cert.PlatformChain;
import org.redoubt.spec.sev.cert.Usage;

/**
 * A chain's verdict, for people.
 *
 * @param lines one per certificate, parents first
 */
public record PlatformReport(List<Line> lines) {
  /**
   * One certificate.
   *
   * @param usage which one
   * @param depth how far below the root, 0 for the root; the OCA is a root of its own
   * @param signers who has to have signed it
   * @param problem what is wrong with it: field, expected, found; empty: valid
   */
  public record Line(Usage usage, int depth, String signers, Optional<String> problem) {}

  /** Copies the list. */
  public PlatformReport {
    lines = List.copyOf(lines);
  }

  /** Whether every certificate is valid. */
  public boolean valid() {
    return lines.stream().allMatch(l -> l.problem().isEmpty());
  }

  /**
   * Refuses a platform that is not what it says.
   *
   * @throws OwnerException names the first certificate that is not valid, and why
   */
  public void demandValid() throws OwnerException {
    for (Line line : lines) {
      if (line.problem().isPresent()) {
        throw new OwnerException(
            "No session with this platform: %s is not valid: %s"
                .formatted(line.usage(), line.problem().get()));
      }
    }
  }

  /**
   * Judges a chain.
   *
   * @param trustedArk the root that is trusted
   * @param ark the root that came along
   * @param ask the signing key that came along
   * @param chain the platform's certificates
   */
  public static PlatformReport of(
      CaCertificate trustedArk, CaCertificate ark, CaCertificate ask, PlatformChain chain) {
    List<Line> lines = new ArrayList<>();
    for (ChainReport.Entry e : ChainReport.of(trustedArk, ark, ask, chain).entries()) {
      lines.add(
          new Line(
              e.usage(), depth(e.usage()), signers(e.usage()), e.finding().map(Object::toString)));
    }
    return new PlatformReport(lines);
  }

  private static int depth(Usage usage) {
    return switch (usage) {
      case ARK, OCA, INVALID -> 0;
      case ASK -> 1;
      case CEK -> 2;
      case PEK -> 3;
      case PDH -> 4;
    };
  }

  private static String signers(Usage usage) {
    return switch (usage) {
      case ARK -> "itself";
      case OCA -> "itself";
      case ASK -> "ARK";
      case CEK -> "ASK";
      case PEK -> "CEK, OCA";
      case PDH -> "PEK";
      case INVALID -> "nobody";
    };
  }

  /** A key's id as hexadecimal, and as text where it is some. */
  public static String keyId(CaCertificate cert) {
    byte[] id = cert.keyId();
    StringBuilder text = new StringBuilder();
    for (byte b : id) {
      if (b == 0) {
        break;
      }
      if (b < 0x20 || b > 0x7E) {
        return HexFormat.of().formatHex(id);
      }
      text.append((char) b);
    }
    return text.isEmpty() ? HexFormat.of().formatHex(id) : text.toString();
  }
}
