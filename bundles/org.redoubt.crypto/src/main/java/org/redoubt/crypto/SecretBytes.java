package org.redoubt.crypto;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.SecureRandom;
import java.util.Arrays;

/**
 * A secret: a key, a seed, a shared value. Lives outside of the Java heap, so that no collector
 * copies it about; cleared by {@link #close}; compared in constant time; never printed. Whoever
 * makes one closes it.
 *
 * <p>Thread-safe. Every use after {@link #close} throws {@link IllegalStateException}.
 */
public final class SecretBytes implements AutoCloseable {
  private final MemorySegment bytes;
  private boolean closed;

  private SecretBytes(int size) {
    if (size <= 0) {
      throw new IllegalArgumentException("A secret of " + size + " bytes");
    }
    bytes = Arena.ofAuto().allocate(size);
  }

  /** {@code size} bytes from {@code random}. */
  public static SecretBytes random(int size, SecureRandom random) {
    byte[] raw = new byte[size];
    random.nextBytes(raw);
    return takeOver(raw);
  }

  /** A copy of {@code raw}, which stays as it is: the caller clears it. */
  public static SecretBytes copyOf(byte[] raw) {
    SecretBytes s = new SecretBytes(raw.length);
    MemorySegment.copy(raw, 0, s.bytes, ValueLayout.JAVA_BYTE, 0, raw.length);
    return s;
  }

  /** As {@link #copyOf}, and clears {@code raw}. */
  public static SecretBytes takeOver(byte[] raw) {
    SecretBytes s = copyOf(raw);
    Arrays.fill(raw, (byte) 0);
    return s;
  }

  /** Bytes in this secret. */
  public int size() {
    return (int) bytes.byteSize();
  }

  /** Whether {@link #close} was called. */
  public synchronized boolean isClosed() {
    return closed;
  }

  /** A second secret with the same bytes and a life of its own. */
  public SecretBytes duplicate() {
    return takeOver(copy());
  }

  /** Whether both hold the same bytes; takes the same time wherever they differ. */
  public boolean sameAs(SecretBytes other) {
    byte[] a = copy();
    byte[] b = other.copy();
    try {
      return ConstantTime.equal(a, b);
    } finally {
      Arrays.fill(a, (byte) 0);
      Arrays.fill(b, (byte) 0);
    }
  }

  /** A copy of the bytes, which the caller clears. */
  public byte[] expose(SecretAccess access) {
    requireAccess(access);
    return copy();
  }

  /** Copies the bytes to {@code target}, which is as long; no copy is made on the heap. */
  public synchronized void exposeTo(MemorySegment target, SecretAccess access) {
    requireAccess(access);
    requireOpen();
    if (target.byteSize() != bytes.byteSize()) {
      throw new IllegalArgumentException(
          "A secret of %d bytes for %d".formatted(bytes.byteSize(), target.byteSize()));
    }
    target.copyFrom(bytes);
  }

  /** For this bundle's primitives: a copy on the heap, to be cleared at once. */
  synchronized byte[] copy() {
    requireOpen();
    return bytes.toArray(ValueLayout.JAVA_BYTE);
  }

  /** Clears the bytes, and what their use left on this thread. Again: nothing. */
  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      bytes.fill((byte) 0);
      closed = true;
    }
    Leftovers.clear(Leftovers.OF_A_COMMAND);
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("This secret was cleared");
    }
  }

  @SuppressWarnings("ReferenceEquality") // there is one token
  private static void requireAccess(SecretAccess access) {
    if (access != SecretAccess.INSTANCE) {
      throw new IllegalStateException("No access to secrets");
    }
  }
}
