package org.redoubt.devices.virtio.internal;

import java.io.IOException;
import java.nio.channels.CancelledKeyException;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.SelectableChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.redoubt.api.device.DeviceContext;
import org.redoubt.api.device.VirtualClock;

/**
 * The host's sockets of one network. A thread waits for them; what is ready is handled by a timer,
 * hence under the device lock and only while the machine runs. A socket that was found ready is not
 * waited for again until {@link #await} says so. No channel here ever blocks.
 */
final class Sockets implements AutoCloseable {
  private final Selector selector;
  private final VirtualClock clock;
  private final VirtualClock.Timer timer;
  private final ConcurrentLinkedQueue<SelectionKey> ready = new ConcurrentLinkedQueue<>();

  /** What belongs to a socket. */
  @FunctionalInterface
  interface Handler {
    /** It may be ready for what it waited for. Under the device lock. */
    void ready();
  }

  Sockets(DeviceContext context) throws IOException {
    selector = Selector.open();
    clock = context.clock();
    timer = clock.timer(context.name() + " sockets", this::handle);
    Thread.ofPlatform().daemon(true).name("redoubt " + context.name()).start(this::work);
  }

  /** Adds a channel, which waits for nothing yet. */
  SelectionKey add(SelectableChannel channel, Handler handler) throws IOException {
    channel.configureBlocking(false);
    return channel.register(selector, 0, handler);
  }

  /** Waits for some of {@link SelectionKey}'s operations, once. */
  void await(SelectionKey key, int operations) {
    try {
      if (key.interestOps() != operations) {
        key.interestOps(operations);
        selector.wakeup();
      }
    } catch (CancelledKeyException e) {
      // closed meanwhile: nothing to wait for
    }
  }

  private void work() {
    try {
      while (selector.isOpen()) {
        selector.select(key -> {
          key.interestOps(0);
          ready.add(key);
        });
        if (!ready.isEmpty()) {
          timer.arm(clock.nowNs());
        }
      }
    } catch (IOException | ClosedSelectorException | CancelledKeyException e) {
      restart();
    }
  }

  /** A channel was closed while it was looked at; or all is over. */
  private void restart() {
    if (selector.isOpen()) {
      work();
    }
  }

  private void handle() {
    int most = ready.size();
    for (int i = 0; i < most; i++) {
      SelectionKey key = ready.poll();
      if (key != null && key.isValid() && key.attachment() instanceof Handler handler) {
        handler.ready();
      }
    }
    if (!ready.isEmpty()) {
      timer.arm(clock.nowNs());
    }
  }

  @Override
  public void close() {
    try {
      for (SelectionKey key : selector.keys().toArray(SelectionKey[]::new)) {
        key.channel().close();
      }
      selector.close();
    } catch (IOException e) {
      // nothing more can be given back
    }
    timer.cancel();
  }
}
