package org.redoubt.firmware.internal.command;

import java.lang.foreign.MemorySegment;
import java.security.MessageDigest;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.memory.MemoryView;

/**
 * Measures and encrypts a long run of memory with two threads: one moves chunks from the shared to
 * the private view, the command's own hashes them. SHA-256 takes about two thirds of the work and
 * cannot be split. Each chunk is read once; what is hashed is what is written. When one side fails,
 * both stop, and the failure is thrown by {@link #run}.
 */
final class LaunchPipeline {
  private static final int CHUNK_BYTES = 256 << 10;
  private static final int CHUNKS = 4;

  private final MemoryView plain;
  private final MemoryView encrypted;
  private final long paddr;
  private final long length;
  private final BlockingQueue<Chunk> free = new ArrayBlockingQueue<>(CHUNKS);
  private final BlockingQueue<Chunk> read = new ArrayBlockingQueue<>(CHUNKS + 1);
  private volatile @Nullable RuntimeException failure;

  /**
   * Bytes on their way; on the heap, since the JDK's SHA-256 would copy them from anywhere else.
   */
  private static final class Chunk {
    private final byte[] bytes = new byte[CHUNK_BYTES];
    private int count;
  }

  LaunchPipeline(MemoryView plain, MemoryView encrypted, long paddr, long length) {
    this.plain = plain;
    this.encrypted = encrypted;
    this.paddr = paddr;
    this.length = length;
  }

  /** Does it all; {@code digest} has taken every byte when this returns. */
  void run(MessageDigest digest) {
    for (int i = 0; i < CHUNKS; i++) {
      free.add(new Chunk());
    }
    Thread mover = Thread.ofPlatform().daemon().name("firmware-launch").start(this::move);
    boolean interrupted = false;
    try {
      for (long left = length; left > 0 && failure == null; ) {
        try {
          Chunk c = read.take();
          digest.update(c.bytes, 0, c.count);
          left -= c.count;
          free.add(c);
        } catch (InterruptedException e) {
          interrupted = true; // a command is not left half-way
        }
      }
    } finally {
      interrupted |= join(mover);
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
    RuntimeException f = failure;
    if (f != null) {
      throw f;
    }
  }

  private static boolean join(Thread mover) {
    boolean interrupted = false;
    while (true) {
      try {
        mover.join();
        return interrupted;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
  }

  private void move() {
    try {
      long spa = paddr;
      long end = paddr + length;
      while (spa < end) {
        Chunk c = free.take();
        // Whole pages, but for the ends of an unaligned range.
        c.count = (int) Math.min(end - spa, CHUNK_BYTES - (spa & CHUNK_BYTES - 1));
        MemorySegment bytes = MemorySegment.ofArray(c.bytes).asSlice(0, c.count);
        plain.read(spa, bytes);
        encrypted.write(spa, bytes);
        spa += c.count;
        read.add(c); // the hasher only reads it
      }
    } catch (RuntimeException e) {
      fail(e);
    } catch (InterruptedException e) {
      fail(new IllegalStateException("Bug: nobody interrupts this thread", e));
    }
  }

  private void fail(RuntimeException e) {
    failure = e;
    read.add(new Chunk()); // of no bytes: wakes the hasher
  }
}
