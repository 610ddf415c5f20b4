package org.redoubt.firmware.internal.keys;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Optional;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.redoubt.crypto.InsecureSecretAccess;
import org.redoubt.crypto.Kdf;
import org.redoubt.crypto.SecretBytes;
import org.redoubt.struct.Layouts;

/**
 * Platform state while the power is off: encrypted and authenticated under a key of the chip, and
 * numbered, so that neither another's nor an older one is taken.
 *
 * <pre>
 * 00h  MAGIC       8  "RDBTNV01"
 * 08h  GENERATION  8  one more than the state before
 * 10h  IV         12  of AES-256-GCM; bytes 00h to 0Fh are authenticated too
 * 1Ch  BODY           ciphertext and tag
 * </pre>
 *
 * <p>The chip counts: its counter is the generation it knows to be kept. Writing generation n + 1
 * first makes sure that the counter says n; once n + 1 is known to be kept (it was written to a
 * disk of our own, or has come back) the counter says n + 1. So a cut anywhere leaves n or n + 1,
 * both good, and everything before n is told as rolled back.
 */
final class NonVolatile {
  private static final byte[] MAGIC = "RDBTNV01".getBytes(StandardCharsets.US_ASCII);
  private static final int AAD_BYTES = 16;
  private static final int IV_BYTES = 12;
  private static final int HEADER_BYTES = AAD_BYTES + IV_BYTES;
  private static final String COUNTER = "chip.counter";

  private final Optional<StateFolder> folder;
  private final SecretBytes secret;
  private final SecureRandom random;
  private long volatileCounter;

  NonVolatile(Optional<StateFolder> folder, SecretBytes secret, SecureRandom random) {
    this.folder = folder;
    this.secret = secret;
    this.random = random;
  }

  /**
   * The state that a store keeps.
   *
   * @return empty if there is none, or it was erased
   * @throws GeneralSecurityException if it was changed, is another chip's, older than what this
   *     chip has seen kept, or gone; the message says which
   */
  Optional<byte[]> unseal(Store store) throws IOException, GeneralSecurityException {
    Optional<byte[]> kept = store.read();
    long counter = counter();
    if (kept.isEmpty()) {
      if (store.durable() && counter > 0) {
        throw new GeneralSecurityException("expected generation %d, found none".formatted(counter));
      }
      return Optional.empty();
    }
    byte[] raw = kept.get();
    if (raw.length < HEADER_BYTES || !Arrays.equals(MAGIC, Arrays.copyOf(raw, MAGIC.length))) {
      throw new GeneralSecurityException("expected a sealed state, found other bytes");
    }
    byte[] body = open(raw);
    long generation = MemorySegment.ofArray(raw).get(Layouts.LE64, MAGIC.length);
    if (generation < counter) {
      throw new GeneralSecurityException(
          "expected generation %d or later, found %d: rolled back".formatted(counter, generation));
    }
    if (generation > counter + 1) {
      throw new GeneralSecurityException(
          "expected generation %d, found %d: the chip's counter was rolled back"
              .formatted(counter, generation));
    }
    if (generation > counter) {
      setCounter(generation);
    }
    return body.length == 0 ? Optional.empty() : Optional.of(body);
  }

  private byte[] open(byte[] raw) throws GeneralSecurityException {
    try {
      Cipher c = gcm(Cipher.DECRYPT_MODE, Arrays.copyOfRange(raw, AAD_BYTES, HEADER_BYTES));
      c.updateAAD(raw, 0, AAD_BYTES);
      return c.doFinal(raw, HEADER_BYTES, raw.length - HEADER_BYTES);
    } catch (AEADBadTagException e) {
      throw new GeneralSecurityException("expected what this chip sealed, found other bytes", e);
    }
  }

  /** Keeps a state in place of the one before; none: it is erased. */
  void seal(Store store, byte[] state) throws IOException {
    long former = Math.max(counter(), storedGeneration(store));
    setCounter(former);
    byte[] iv = new byte[IV_BYTES];
    random.nextBytes(iv);
    byte[] head = Arrays.copyOf(MAGIC, HEADER_BYTES);
    MemorySegment.ofArray(head).set(Layouts.LE64, MAGIC.length, former + 1);
    System.arraycopy(iv, 0, head, AAD_BYTES, IV_BYTES);
    try {
      Cipher c = gcm(Cipher.ENCRYPT_MODE, iv);
      c.updateAAD(head, 0, AAD_BYTES);
      byte[] body = c.doFinal(state);
      byte[] out = Arrays.copyOf(head, head.length + body.length);
      System.arraycopy(body, 0, out, head.length, body.length);
      store.write(out);
    } catch (GeneralSecurityException e) {
      throw new AssertionError("Bug: every JDK has AES-256-GCM", e);
    }
    if (store.durable()) {
      try {
        setCounter(former + 1);
      } catch (IOException e) {
        // The new state is kept and good beside a counter that is one behind.
        System.getLogger(NonVolatile.class.getName())
            .log(System.Logger.Level.WARNING, "The chip's counter could not be kept", e);
      }
    }
  }

  /** The generation of what a store has now, if that is ours and plausible; else 0. */
  private long storedGeneration(Store store) throws IOException {
    Optional<byte[]> kept = store.read();
    if (kept.isEmpty() || kept.get().length < HEADER_BYTES) {
      return 0;
    }
    try {
      open(kept.get());
    } catch (GeneralSecurityException e) {
      return 0; // about to be replaced
    }
    return MemorySegment.ofArray(kept.get()).get(Layouts.LE64, MAGIC.length);
  }

  private long counter() throws IOException {
    if (folder.isEmpty()) {
      return volatileCounter;
    }
    Optional<byte[]> kept = folder.get().read(COUNTER);
    if (kept.isEmpty()) {
      return 0;
    }
    if (kept.get().length != Long.BYTES) {
      throw new IOException(
          "%s has %d bytes, not %d".formatted(COUNTER, kept.get().length, Long.BYTES));
    }
    return MemorySegment.ofArray(kept.get()).get(Layouts.LE64, 0);
  }

  private void setCounter(long generation) throws IOException {
    if (generation <= counter()) {
      return;
    }
    volatileCounter = generation;
    if (folder.isPresent()) {
      byte[] raw = new byte[Long.BYTES];
      MemorySegment.ofArray(raw).set(Layouts.LE64, 0, generation);
      folder.get().write(COUNTER, raw);
    }
  }

  private Cipher gcm(int mode, byte[] iv) throws GeneralSecurityException {
    try (SecretBytes key = Kdf.derive(secret, "redoubt-state", new byte[0], 32)) {
      byte[] raw = key.expose(InsecureSecretAccess.get());
      try {
        Cipher c = Cipher.getInstance("AES/GCM/NoPadding");
        c.init(mode, new SecretKeySpec(raw, "AES"), new GCMParameterSpec(128, iv));
        return c;
      } finally {
        Arrays.fill(raw, (byte) 0);
      }
    }
  }
}
