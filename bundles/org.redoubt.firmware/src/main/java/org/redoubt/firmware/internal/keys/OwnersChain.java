package org.redoubt.firmware.internal.keys;

/**
 * An owner's certificates as the seed's profile takes them: X.509 in DER, one after the other, the
 * PEK's first, the owner's last.
 *
 * @param count how many
 * @param certificates all of them; not to be changed
 */
public record OwnersChain(int count, byte[] certificates) {}
