package org.redoubt.gdb.internal;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.vm.DebugServer;
import org.redoubt.api.vm.Debugger;
import org.redoubt.api.vm.Vm;

/**
 * Waits for gdb on a port of the loopback, for one VM: one client at a time, others are turned
 * away.
 */
final class Listener implements DebugServer.Listening {
  private static final System.Logger LOG = System.getLogger("org.redoubt.gdb");
  private static final int TICK_MS = 500;

  /** How long a client may take to hear of the VM's end. */
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  private final Vm vm;
  private final ServerSocket socket;
  private final boolean lab;
  private final Consumer<Listener> onEnd;

  /** The hold on a VM that waits for the first client. */
  private final AtomicReference<@Nullable Debugger> first;

  private final AtomicReference<@Nullable Thread> serving = new AtomicReference<>();
  private volatile @Nullable Socket client;
  private volatile boolean closed;

  /**
   * @param first a hold on the VM that lasts until a client comes; null for none
   * @param onEnd told when this listens no more
   */
  Listener(
      Vm vm, ServerSocket socket, boolean lab, @Nullable Debugger first, Consumer<Listener> onEnd) {
    this.vm = vm;
    this.socket = socket;
    this.lab = lab;
    this.first = new AtomicReference<>(first);
    this.onEnd = onEnd;
  }

  void start() {
    Thread.ofPlatform().daemon(true).name("redoubt gdb " + port()).start(this::listen);
  }

  @Override
  public int port() {
    return socket.getLocalPort();
  }

  private void listen() {
    try {
      socket.setSoTimeout(TICK_MS);
      while (!closed && vm.state() != Vm.State.STOPPED) {
        try {
          accept(socket.accept());
        } catch (SocketTimeoutException e) {
          // Look whether the VM is still there.
        }
      }
    } catch (IOException e) {
      if (!closed) {
        say("listens no more: " + e.getMessage());
      }
    } finally {
      end();
    }
  }

  private void accept(Socket next) throws IOException {
    Thread thread = Thread.ofVirtual().name("redoubt gdb client").unstarted(() -> serve(next));
    if (!serving.compareAndSet(null, thread)) {
      next.close();
      say("turned a second client away");
      return;
    }
    client = next;
    thread.start();
  }

  private void serve(Socket from) {
    try (from) {
      try {
        talk(from);
      } finally {
        // Before the client can see that it is over: the next one is welcome then.
        client = null;
        serving.set(null);
      }
    } catch (IOException e) {
      // It was to be closed.
    }
  }

  private void talk(Socket from) {
    try {
      from.setTcpNoDelay(true);
      Packets packets =
          new Packets(
              new BufferedInputStream(from.getInputStream()),
              new BufferedOutputStream(from.getOutputStream()));
      Debugger held = first.getAndSet(null);
      try (Debugger debugger = held == null ? vm.debug(lab) : held) {
        if (new Connection(packets, debugger).serve()) {
          vm.stop();
        }
      } catch (HypervisorException e) {
        say("refused: " + e.getMessage());
        packets.read();
        packets.send("E." + e.getMessage());
      }
    } catch (ProtocolException e) {
      say("closed a connection: the client sent " + e.getMessage());
    } catch (IOException e) {
      if (!closed) {
        say("lost a connection: " + e.getMessage());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void say(String what) {
    LOG.log(
        System.Logger.Level.WARNING, "gdb stub of VM '%s' %s".formatted(vm.config().name(), what));
  }

  private void end() {
    closed = true;
    try {
      socket.close();
    } catch (IOException e) {
      // It listens no more either way.
    }
    Debugger held = first.getAndSet(null);
    if (held != null) {
      held.close();
    }
    onEnd.accept(this);
  }

  @Override
  public void close() {
    closed = true;
    Thread thread = serving.get();
    Socket connected = client;
    try {
      if (thread != null && vm.end().isPresent()) {
        thread.join(PATIENCE);
      }
      if (connected != null) {
        connected.close();
      }
      if (thread != null) {
        thread.join(PATIENCE);
      }
    } catch (IOException e) {
      // It is closed either way.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    end();
  }
}
