package org.redoubt.firmware.internal.keys;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import org.redoubt.crypto.InsecureSecretAccess;
import org.redoubt.crypto.Kdf;
import org.redoubt.crypto.SecretBytes;
import org.redoubt.crypto.TransportKeys;

/**
 * The keys of one guest: the seed of its memory keys (VEK) and its transport keys. Each engine gets
 * a key of its own out of the seed, so that an engine that leaks its key says nothing about
 * another's ciphertext. Closed when the guest is decommissioned.
 */
public final class GuestKeys implements AutoCloseable {
  private static final int SEED_BYTES = 32;

  private final SecretBytes vekSeed;
  private TransportKeys transport;

  private GuestKeys(SecretBytes vekSeed, TransportKeys transport) {
    this.vekSeed = vekSeed;
    this.transport = transport;
  }

  /** Keys with a fresh VEK; takes {@code transport} over. */
  public static GuestKeys fresh(TransportKeys transport, SecureRandom random) {
    return new GuestKeys(SecretBytes.random(SEED_BYTES, random), transport);
  }

  /** Keys with the VEK of {@code other}; takes {@code transport} over. */
  public static GuestKeys sharing(GuestKeys other, TransportKeys transport) {
    return new GuestKeys(other.vekSeed.duplicate(), transport);
  }

  /** TEK and TIK; owned by this. */
  public TransportKeys transport() {
    return transport;
  }

  /** Other transport keys from now on, taken over; the former are cleared. */
  public void replaceTransport(TransportKeys next) {
    transport.close();
    transport = next;
  }

  /** Writes the memory key for an engine; any length, also none. */
  public void memoryKey(String engineName, MemorySegment key) {
    writeMemoryKey(vekSeed, engineName, key);
  }

  static void writeMemoryKey(SecretBytes seed, String engineName, MemorySegment key) {
    int bytes = Math.toIntExact(key.byteSize());
    if (bytes == 0) {
      return;
    }
    byte[] context = engineName.getBytes(StandardCharsets.UTF_8);
    try (SecretBytes vek = Kdf.derive(seed, "redoubt-vek", context, bytes)) {
      vek.exposeTo(key, InsecureSecretAccess.get());
    }
  }

  /** Clears everything. */
  @Override
  public void close() {
    vekSeed.close();
    transport.close();
  }
}
