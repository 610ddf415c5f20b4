package org.redoubt.api.vm;

/**
 * What a guest's owner gives for LAUNCH_START. The hypervisor passes it on as it is; the firmware
 * says whether it is one for this platform and policy.
 *
 * @param dhCertificate the owner's Diffie-Hellman certificate, SEV certificate format
 * @param session the session: nonce, wrapped transport keys, MACs
 */
public record LaunchSession(byte[] dhCertificate, byte[] session) {
  /** Copies both. */
  public LaunchSession {
    dhCertificate = dhCertificate.clone();
    session = session.clone();
  }

  @Override
  public byte[] dhCertificate() {
    return dhCertificate.clone();
  }

  @Override
  public byte[] session() {
    return session.clone();
  }
}
