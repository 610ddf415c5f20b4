package org.redoubt.owner;

import org.redoubt.crypto.ChainReport;
import org.redoubt.spec.sev.cert.CaCertificate;

/**
 * Whether a platform is what it says: its whole chain, up to a root that the owner has from
 * elsewhere.
 */
public final class PlatformCheck {
  private PlatformCheck() {}

  /**
   * Judges a full chain, certificate by certificate.
   *
   * @param trustedArk the root's certificate, from a source the owner trusts; never from the host
   * @param chain what the host gave
   * @throws OwnerException if the chain has no ASK and ARK
   */
  public static ChainReport check(CaCertificate trustedArk, ChainFile chain) throws OwnerException {
    ChainFile.MakerChain maker =
        chain
            .maker()
            .orElseThrow(
                () -> new OwnerException("The chain has no ASK and ARK: export it in full"));
    return ChainReport.of(trustedArk, maker.ark(), maker.ask(), chain.platform());
  }
}
