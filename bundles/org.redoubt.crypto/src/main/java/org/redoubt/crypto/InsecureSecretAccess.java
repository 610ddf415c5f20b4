package org.redoubt.crypto;

/**
 * The one way to the bytes of secrets. Held by {@code firmware.internal.keys} (memory keys leave
 * for the key table), by {@code owner} (the owner's own keys go to files) and by this bundle;
 * anybody else needs a reason and a review.
 */
public final class InsecureSecretAccess {
  private InsecureSecretAccess() {}

  /** Leave to see secrets. */
  public static SecretAccess get() {
    return SecretAccess.INSTANCE;
  }
}
