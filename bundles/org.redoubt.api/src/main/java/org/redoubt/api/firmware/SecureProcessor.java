package org.redoubt.api.firmware;

import java.util.List;
import org.osgi.annotation.versioning.ConsumerType;
import org.redoubt.api.HypervisorException;

/** One secure processor. Thread-safe; one command at a time. */
@ConsumerType
public interface SecureProcessor extends AutoCloseable {
  /** The registers. */
  Mailbox mailbox();

  /** What was asked of it, oldest first, bounded. */
  List<CommandRecord> history();

  /** What state it is in, for people. */
  PlatformInfo info();

  /**
   * The certificates, for people and key servers. The first call may take seconds: it may have to
   * make the root.
   */
  CertificateSet certificates();

  /**
   * The maker's part: an image that DOWNLOAD_FIRMWARE of this chip takes, signed with the maker's
   * key as the maker would ship it. Naming a firmware that is not installed is no error here.
   *
   * @param firmwareName {@link SecureProcessorFactory#FIRMWARE_NAME} of the firmware to take over
   * @param securityVersion not below that of the running firmware, or the image is refused
   * @throws HypervisorException if this firmware takes no images, or the name is too long
   */
  default byte[] firmwareImage(String firmwareName, int securityVersion)
      throws HypervisorException {
    throw new HypervisorException("This firmware cannot be updated");
  }

  /** Clears every key. */
  @Override
  void close();

  /**
   * Makes the memory keys of guests follow from a seed, for runs that are to be repeated. Such a
   * guest has no secrets from anybody who knows the seed.
   *
   * @param seed for guests started from now on; empty for random keys again
   * @return false if this firmware cannot do that; nothing has changed then
   */
  default boolean seedGuestKeys(java.util.Optional<Long> seed) {
    return seed.isEmpty();
  }
}
