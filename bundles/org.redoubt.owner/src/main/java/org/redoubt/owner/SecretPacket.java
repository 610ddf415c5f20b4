package org.redoubt.owner;

import java.security.SecureRandom;
import org.redoubt.crypto.TransportKeys;
import org.redoubt.spec.sev.command.Measurement;

/**
 * A secret on its way into one guest: whoever holds the packet can bring it in there, and nowhere
 * else.
 */
public final class SecretPacket {
  private SecretPacket() {}

  /**
   * Seals a secret. Only for a measurement that {@link LaunchCheck} has found valid.
   *
   * @param secret a multiple of 16 bytes: see {@link SecretTable}
   * @throws OwnerException if it is not
   */
  public static TransportKeys.Packet seal(
      TransportKeys keys, Measurement measurement, byte[] secret, SecureRandom random)
      throws OwnerException {
    if (secret.length == 0 || secret.length % 16 != 0 || secret.length > 16 << 10) {
      throw new OwnerException(
          "A secret has a multiple of 16 bytes, up to 16384; this one has %d"
              .formatted(secret.length));
    }
    byte[] iv = new byte[16];
    random.nextBytes(iv);
    return keys.sealSecret(secret, iv, measurement);
  }
}
