package org.redoubt.hypervisor.internal;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.device.CharInput;
import org.redoubt.api.device.CharOutput;
import org.redoubt.api.vm.Console;

/**
 * Between a serial device and those who watch it. The device never waits: output goes into a ring,
 * each reader has a thread that follows it, and one that is slower than the guest by a whole ring
 * is told how much it missed.
 */
final class SerialConsole implements Console {
  private static final int KEPT_BYTES = 1 << 20;
  private static final int TYPED_BYTES = 4096;

  private final Lock deviceLock;

  private final Lock lock = new ReentrantLock();
  private final Condition grown = lock.newCondition();
  private byte[] ring = new byte[4096];
  private long written;
  private boolean ended;

  private final ArrayBlockingQueue<Byte> typed = new ArrayBlockingQueue<>(TYPED_BYTES);
  private @Nullable CharInput input;
  private boolean feeding;

  /** What was typed and let in, where that is not the same; under the device lock. */
  private @Nullable ArrayDeque<Byte> arrived;

  private volatile Runnable onTyped = () -> {};

  SerialConsole(Lock deviceLock) {
    this.deviceLock = deviceLock;
  }

  /** Connects the device; under the device lock or before the machine runs. */
  CharOutput connect(CharInput device) {
    input = device;
    return new CharOutput() {
      @Override
      public void send(int value) {
        put((byte) value);
      }

      @Override
      public void ready() {
        feed();
      }
    };
  }

  boolean connected() {
    return input != null;
  }

  private void put(byte value) {
    lock.lock();
    try {
      if (written == ring.length && ring.length < KEPT_BYTES) {
        ring = java.util.Arrays.copyOf(ring, ring.length * 2);
      }
      ring[(int) (written & (ring.length - 1))] = value;
      written++;
      grown.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** No more output will come: readers get what is left, then end. */
  void end() {
    lock.lock();
    try {
      ended = true;
      grown.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public AutoCloseable attach(OutputStream output) {
    Reader reader = new Reader(output);
    reader.thread = Thread.ofVirtual().name("redoubt console").start(reader::follow);
    return reader;
  }

  @Override
  public void type(byte[] bytes) throws InterruptedException {
    for (byte b : bytes) {
      if (!typed.offer(b)) {
        deliver();
        typed.put(b);
      }
    }
    deliver();
  }

  /** What is typed waits from now on until it is let in; before anything is typed. */
  void holdBack() {
    arrived = new ArrayDeque<>();
  }

  /** Called when something waits to be let in. */
  void onTyped(Runnable action) {
    onTyped = action;
  }

  /** Takes what waits to be let in. */
  byte[] drain() {
    List<Byte> bytes = new ArrayList<>();
    typed.drainTo(bytes);
    byte[] result = new byte[bytes.size()];
    for (int i = 0; i < result.length; i++) {
      result[i] = bytes.get(i);
    }
    return result;
  }

  /** Lets bytes in. */
  void arrive(byte[] bytes) {
    deviceLock.lock();
    try {
      for (byte b : bytes) {
        Objects.requireNonNull(arrived).add(b);
      }
      feed();
    } finally {
      deviceLock.unlock();
    }
  }

  /** How much was let in and not taken by the device yet. */
  int waiting() {
    ArrayDeque<Byte> queue = arrived;
    return queue == null ? 0 : queue.size();
  }

  private void deliver() {
    if (arrived != null) {
      onTyped.run();
      return;
    }
    deviceLock.lock();
    try {
      feed();
    } finally {
      deviceLock.unlock();
    }
  }

  /** Under the device lock. */
  private void feed() {
    CharInput device = input;
    if (feeding || device == null) {
      return;
    }
    feeding = true;
    try {
      Queue<Byte> queue = arrived == null ? typed : arrived;
      Byte next = queue.peek();
      while (next != null && device.receive(next & 0xff)) {
        queue.remove();
        next = queue.peek();
      }
    } finally {
      feeding = false;
    }
  }

  /** One who watches. Closing waits until it has what was there at an end. */
  private final class Reader implements AutoCloseable {
    private final OutputStream output;
    private volatile boolean closed;
    private @Nullable Thread thread;
    private long read;

    Reader(OutputStream output) {
      this.output = output;
    }

    void follow() {
      try {
        byte[] chunk = next();
        while (chunk.length > 0) {
          output.write(chunk);
          output.flush();
          chunk = next();
        }
      } catch (IOException | InterruptedException e) {
        closed = true; // a reader that fails is detached
      }
    }

    /** What is new; empty at the end. */
    private byte[] next() throws InterruptedException {
      lock.lock();
      try {
        while (read == written && !ended && !closed) {
          grown.await();
        }
        if (read == written || (closed && !ended)) {
          return new byte[0];
        }
        long lost = written - ring.length - read;
        if (lost > 0) {
          read += lost;
          return "\r\n[%d bytes of output lost]\r\n"
              .formatted(lost)
              .getBytes(StandardCharsets.US_ASCII);
        }
        int from = (int) (read & (ring.length - 1));
        int count = (int) Math.min(written - read, ring.length - from);
        read += count;
        return java.util.Arrays.copyOfRange(ring, from, from + count);
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void close() throws InterruptedException {
      closed = true;
      lock.lock();
      try {
        grown.signalAll();
      } finally {
        lock.unlock();
      }
      if (thread != null && ended) {
        thread.join(java.time.Duration.ofSeconds(30));
      }
    }
  }
}
