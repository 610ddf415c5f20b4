package org.redoubt.shell.internal.owner;

import org.redoubt.api.HypervisorException;
import org.redoubt.spec.sev.GuestPolicy;

/** Guest policies as people type them. */
public final class Policies {
  private Policies() {}

  /** Reads 32 bits, decimal or 0x and hexadecimal. */
  public static GuestPolicy parse(String text) throws HypervisorException {
    try {
      long bits = Long.decode(text.strip());
      if (bits >= 0 && bits <= 0xFFFF_FFFFL) {
        return new GuestPolicy((int) bits);
      }
    } catch (NumberFormatException e) {
      // The message below says what was wanted.
    }
    throw new HypervisorException(
        "'%s' is no policy: it takes 32 bits such as 0x1".formatted(text));
  }
}
