package org.redoubt.owner;

import java.util.Arrays;
import java.util.Optional;
import org.redoubt.spec.sev.cert.CaCertificate;
import org.redoubt.spec.sev.cert.PlatformChain;
import org.redoubt.spec.sev.cert.SevCertificate;

/**
 * A platform's certificates in one file, as {@code sevctl export} writes it: {@code PDH || PEK ||
 * OCA || CEK}, and with {@code --full} {@code ASK || ARK} behind it. Source: virtee/sevctl {@code
 * export.rs}, virtee/sev {@code certs/sev/chain.rs}.
 *
 * @param platform the platform's own
 * @param maker the chip's maker's, in a full chain
 */
public record ChainFile(PlatformChain platform, Optional<MakerChain> maker) {
  /**
   * The maker's part.
   *
   * @param ask the signing certificate
   * @param ark the root that came along; it proves nothing by itself
   */
  public record MakerChain(CaCertificate ask, CaCertificate ark) {}

  /**
   * Splits a file.
   *
   * @throws OwnerException if it has no length that a chain has
   */
  public static ChainFile of(byte[] raw) throws OwnerException {
    int rest = raw.length - PlatformChain.BYTES;
    if (rest != 0 && rest != 2 * CaCertificate.BYTES_2048 && rest != 2 * CaCertificate.BYTES_4096) {
      throw new OwnerException(
          "A chain has %d bytes, or %d or %d with ASK and ARK; this one has %d"
              .formatted(
                  PlatformChain.BYTES,
                  PlatformChain.BYTES + 2 * CaCertificate.BYTES_2048,
                  PlatformChain.BYTES + 2 * CaCertificate.BYTES_4096,
                  raw.length));
    }
    PlatformChain platform = PlatformChain.of(Arrays.copyOf(raw, PlatformChain.BYTES));
    if (rest == 0) {
      return new ChainFile(platform, Optional.empty());
    }
    int at = PlatformChain.BYTES + rest / 2;
    return new ChainFile(
        platform,
        Optional.of(
            new MakerChain(
                new CaCertificate(Arrays.copyOfRange(raw, PlatformChain.BYTES, at)),
                new CaCertificate(Arrays.copyOfRange(raw, at, raw.length)))));
  }

  /**
   * The PDH's certificate out of a chain, or out of a file that has nothing else.
   *
   * @throws OwnerException if it has no length that one of them has
   */
  public static SevCertificate pdhOf(byte[] raw) throws OwnerException {
    return raw.length == SevCertificate.BYTES ? new SevCertificate(raw) : of(raw).platform().pdh();
  }

  /** The file. */
  public byte[] toBytes() {
    byte[] own = platform.toBytes();
    if (maker.isEmpty()) {
      return own;
    }
    byte[] ask = maker.get().ask().toBytes();
    byte[] ark = maker.get().ark().toBytes();
    byte[] out = Arrays.copyOf(own, own.length + ask.length + ark.length);
    System.arraycopy(ask, 0, out, own.length, ask.length);
    System.arraycopy(ark, 0, out, own.length + ask.length, ark.length);
    return out;
  }
}
