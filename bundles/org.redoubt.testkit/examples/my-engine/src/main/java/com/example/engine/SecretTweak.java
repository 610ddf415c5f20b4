package com.example.engine;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import javax.crypto.Cipher;
import javax.crypto.spec.SecretKeySpec;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.encryption.MemoryEncryptionEngine;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;

/**
 * XEX as its inventor meant it: C = E1(P ^ T) ^ T with T = E2(spa), where the tweak depends on a
 * second key. The tweaks found in SEV processors are public functions of the address; who knows T
 * can move ciphertext from one address to another and foresee what it decrypts to.
 *
 * <p>The key is 32 bytes: 16 for the data, 16 for the tweak. E2 encrypts the address as 8
 * little-endian bytes followed by 8 zeros.
 */
@Component(
    property = {
      MemoryEncryptionEngineFactory.ENGINE_NAME + "=" + SecretTweak.NAME,
      "service.ranking:Integer=200" // above every engine that comes with Redoubt
    })
public final class SecretTweak implements MemoryEncryptionEngineFactory {
  static final String NAME = "secret-tweak";

  @Override
  public int keyBytes() {
    return 32;
  }

  @Override
  public MemoryEncryptionEngine create(MemorySegment key) {
    MemoryEncryptionEngineFactory.checkKey(NAME, key, keyBytes());
    return new Engine(key.toArray(ValueLayout.JAVA_BYTE));
  }

  private static final class Engine implements MemoryEncryptionEngine {
    private final byte[] key;
    private final Queue<Worker> all = new ConcurrentLinkedQueue<>();
    private final ThreadLocal<Worker> mine = ThreadLocal.withInitial(this::newWorker);
    private volatile boolean closed;

    Engine(byte[] key) {
      this.key = key;
    }

    private Worker newWorker() {
      Worker worker = new Worker(key);
      all.add(worker);
      return worker;
    }

    @Override
    public void encrypt(long spa, MemorySegment plain, MemorySegment cipher) {
      run(true, spa, plain, cipher);
    }

    @Override
    public void decrypt(long spa, MemorySegment cipher, MemorySegment plain) {
      run(false, spa, cipher, plain);
    }

    private void run(boolean encrypt, long spa, MemorySegment from, MemorySegment to) {
      MemoryEncryptionEngine.checkRange(spa, from, to);
      if (closed) {
        throw new IllegalStateException("The engine is closed");
      }
      Worker worker = mine.get();
      for (long done = 0; done < from.byteSize(); done += Worker.CHUNK) {
        int bytes = (int) Math.min(Worker.CHUNK, from.byteSize() - done);
        worker.run(encrypt, spa + done, from, to, done, bytes);
      }
    }

    @Override
    public void close() {
      closed = true;
      all.forEach(Worker::clear);
      Arrays.fill(key, (byte) 0);
    }
  }

  /** What one thread works with, so that calls neither allocate nor wait for each other. */
  private static final class Worker {
    static final int CHUNK = 4096;

    private final Cipher encrypt = aes();
    private final Cipher decrypt = aes();
    private final Cipher tweak = aes();
    private final byte[] addresses = new byte[CHUNK];
    private final byte[] tweaks = new byte[CHUNK];
    private final byte[] in = new byte[CHUNK];
    private final byte[] out = new byte[CHUNK];

    Worker(byte[] key) {
      init(key);
    }

    private static Cipher aes() {
      try {
        return Cipher.getInstance("AES/ECB/NoPadding");
      } catch (GeneralSecurityException e) {
        throw new IllegalStateException("This JDK has no AES", e);
      }
    }

    private void init(byte[] key) {
      try {
        encrypt.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(key, 0, 16, "AES"));
        decrypt.init(Cipher.DECRYPT_MODE, new SecretKeySpec(key, 0, 16, "AES"));
        tweak.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(key, 16, 16, "AES"));
      } catch (GeneralSecurityException e) {
        throw new IllegalStateException("AES takes no key of 16 bytes", e);
      }
    }

    void run(
        boolean encrypting, long spa, MemorySegment from, MemorySegment to, long at, int bytes) {
      for (int i = 0; i < bytes; i += 16) {
        long address = spa + i;
        for (int j = 0; j < 8; j++) {
          addresses[i + j] = (byte) (address >>> (8 * j));
        }
      }
      MemorySegment.copy(from, ValueLayout.JAVA_BYTE, at, in, 0, bytes);
      try {
        tweak.update(addresses, 0, bytes, tweaks, 0);
        xor(in, tweaks, bytes);
        (encrypting ? encrypt : decrypt).update(in, 0, bytes, out, 0);
        xor(out, tweaks, bytes);
      } catch (GeneralSecurityException e) {
        throw new IllegalStateException("AES refused whole blocks", e);
      }
      MemorySegment.copy(out, 0, to, ValueLayout.JAVA_BYTE, at, bytes);
    }

    private static void xor(byte[] data, byte[] tweaks, int bytes) {
      for (int i = 0; i < bytes; i++) {
        data[i] ^= tweaks[i];
      }
    }

    /** Another key makes the ciphers overwrite what they held of the old one. */
    void clear() {
      init(new byte[32]);
      for (byte[] buffer : new byte[][] {addresses, tweaks, in, out}) {
        Arrays.fill(buffer, (byte) 0);
      }
    }
  }
}
