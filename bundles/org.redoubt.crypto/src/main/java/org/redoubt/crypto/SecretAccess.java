package org.redoubt.crypto;

/**
 * Leave to see a secret's bytes. Code that has none can hold, compare, use and clear secrets, but
 * not read them.
 *
 * <p>There is one instance and one way to it, {@link InsecureSecretAccess#get()}, so that everybody
 * who can read secrets is found by a search for that name.
 */
public final class SecretAccess {
  static final SecretAccess INSTANCE = new SecretAccess();

  private SecretAccess() {}
}
