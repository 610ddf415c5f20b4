package org.redoubt.spec.sev.cert;

import java.util.Arrays;

/**
 * The certificates of a platform, as tools keep them in files: {@code PDH || PEK || OCA || CEK},
 * 8,336 bytes, and with {@code ASK || ARK} behind them the full chain. PDH_CERT_EXPORT gives PDH
 * and {@code PEK || OCA || CEK} in two buffers.
 *
 * <p>Source: virtee/sev {@code certs/sev/sev/chain.rs}, {@code certs/sev/ca/chain.rs};
 * AMDESE/sev-tool {@code sev_cert_chain_buf}.
 *
 * @param pdh platform Diffie-Hellman key
 * @param pek platform endorsement key
 * @param oca owner's certificate authority
 * @param cek chip endorsement key
 */
public record PlatformChain(
    SevCertificate pdh, SevCertificate pek, SevCertificate oca, SevCertificate cek) {
  /** Bytes of {@code PEK || OCA || CEK}. */
  public static final int CERTS_BYTES = 3 * SevCertificate.BYTES;

  /** Bytes of {@code PDH || PEK || OCA || CEK}. */
  public static final int BYTES = 4 * SevCertificate.BYTES;

  /**
   * Splits {@code PDH || PEK || OCA || CEK}.
   *
   * @throws IllegalArgumentException if it has not {@link #BYTES} bytes
   */
  public static PlatformChain of(byte[] raw) {
    if (raw.length != BYTES) {
      throw new IllegalArgumentException(
          "A platform's chain has %d bytes, not %d".formatted(BYTES, raw.length));
    }
    return new PlatformChain(part(raw, 0), part(raw, 1), part(raw, 2), part(raw, 3));
  }

  private static SevCertificate part(byte[] raw, int i) {
    return new SevCertificate(
        Arrays.copyOfRange(raw, i * SevCertificate.BYTES, (i + 1) * SevCertificate.BYTES));
  }

  /** {@code PDH || PEK || OCA || CEK}. */
  public byte[] toBytes() {
    byte[] out = Arrays.copyOf(pdh.toBytes(), BYTES);
    System.arraycopy(certs(), 0, out, SevCertificate.BYTES, CERTS_BYTES);
    return out;
  }

  /** {@code PEK || OCA || CEK}. */
  public byte[] certs() {
    byte[] out = Arrays.copyOf(pek.toBytes(), CERTS_BYTES);
    System.arraycopy(oca.toBytes(), 0, out, SevCertificate.BYTES, SevCertificate.BYTES);
    System.arraycopy(cek.toBytes(), 0, out, 2 * SevCertificate.BYTES, SevCertificate.BYTES);
    return out;
  }
}
