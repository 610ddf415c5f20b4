package org.redoubt.owner;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Base64;
import org.redoubt.crypto.TransportKeys;
import org.redoubt.spec.sev.command.Measurement;
import org.redoubt.spec.sev.command.PacketHeader;

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

  /**
   * Reads a packet from its two files: both in base64, as {@code virt-qemu-sev-validate} writes
   * them, or both as they are, as {@code sevctl secret build} and {@link OwnerTasks#secret} do.
   *
   * @throws OwnerException if the files are no packet: names the one to blame
   */
  public static GuestOwner.Packet read(Path header, Path payload)
      throws IOException, OwnerException {
    int bytes = (int) PacketHeader.LAYOUT.byteSize();
    byte[] head = OwnerSession.readBlob(header, bytes);
    byte[] body = Files.readAllBytes(payload);
    if (Files.size(header) != bytes) {
      try {
        body = Base64.getDecoder().decode(new String(body, StandardCharsets.US_ASCII).strip());
      } catch (IllegalArgumentException e) {
        throw new OwnerException(
            "%s is not base64, as the header in %s is".formatted(payload, header), e);
      }
    }
    if (body.length == 0) {
      throw new OwnerException("%s is empty".formatted(payload));
    }
    return new GuestOwner.Packet(head, body);
  }
}
