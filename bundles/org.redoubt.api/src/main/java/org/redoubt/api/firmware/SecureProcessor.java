package org.redoubt.api.firmware;

import java.util.List;
import org.osgi.annotation.versioning.ConsumerType;

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

  /** Clears every key. */
  @Override
  void close();
}
