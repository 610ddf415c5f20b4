package org.redoubt.gdb.internal;

import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.vm.Debugger;
import org.redoubt.api.vm.Vm;

/**
 * One client. A thread of its own reads packets, so that Ctrl-C and a client that goes away are
 * heard while the VM runs; the caller's thread answers them.
 */
final class Connection {
  /** Packets that may wait for an answer; a client that sends more waits. */
  private static final int MOST_WAITING = 64;

  private static final Duration TICK = Duration.ofMillis(500);

  /** Stands for the end of the stream. */
  private static final String END = "\u0004end";

  private final Packets packets;
  private final Debugger debugger;
  private final Commands commands;
  private final BlockingQueue<String> waiting = new ArrayBlockingQueue<>(MOST_WAITING);
  private volatile boolean ended;
  private volatile @Nullable IOException failure;
  private boolean running;

  /**
   * @param debugger of a VM that stands still; the caller closes it
   */
  Connection(Packets packets, Debugger debugger) {
    this.packets = packets;
    this.debugger = debugger;
    this.commands = new Commands(debugger);
  }

  /**
   * Serves the client until it leaves, or the VM has ended.
   *
   * @return whether the VM is to be stopped
   * @throws IOException if the client is no gdb, or the connection fails
   */
  boolean serve() throws IOException, InterruptedException {
    Thread.ofVirtual().name("redoubt gdb reader").start(this::read);
    while (true) {
      if (running) {
        if (Packets.INTERRUPT.equals(waiting.peek())) {
          waiting.remove(); // it came before the packet ahead of it was answered
          debugger.interrupt();
        }
        if (ended) {
          debugger.interrupt(); // nobody is left to do it
        }
        Optional<Debugger.Stop> stop = debugger.await(TICK);
        if (stop.isEmpty() && !ended) {
          continue;
        }
        running = false;
        if (stop.isPresent() && !ended) {
          packets.send(commands.stopped(stop.get()));
        }
        if (stop.isPresent() && stop.get().cause() == Debugger.Cause.ENDED) {
          return false;
        }
      }
      String packet = waiting.poll(TICK.toMillis(), TimeUnit.MILLISECONDS);
      if (packet == null) {
        if (debugger.vm().state() == Vm.State.STOPPED) {
          return false;
        }
        continue;
      }
      if (packet.equals(Packets.INTERRUPT)) {
        continue; // it stands still already
      }
      if (packet.equals(END)) {
        IOException why = failure;
        if (why != null) {
          throw why;
        }
        return false;
      }
      switch (handle(packet)) {
        case DETACH -> {
          return false;
        }
        case KILL -> {
          return true;
        }
        default -> {}
      }
    }
  }

  private Commands.Then handle(String packet) throws IOException {
    Commands.Reply reply = commands.answer(packet);
    running = reply.then() == Commands.Then.RUN;
    boolean silent = running || reply.then() == Commands.Then.KILL && reply.text().isEmpty();
    if (!silent) {
      packets.send(reply.text());
    }
    if (reply.then() == Commands.Then.NO_ACKNOWLEDGEMENTS) {
      packets.stopAcknowledging();
    }
    return reply.then();
  }

  private void read() {
    try {
      for (String packet = packets.read(); packet != null; packet = packets.read()) {
        waiting.put(packet);
        if (packet.equals(Packets.INTERRUPT)) {
          debugger.interrupt();
        }
      }
    } catch (IOException e) {
      failure = e;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      ended = true;
      while (!waiting.offer(END)) {
        waiting.clear(); // nobody reads the answers
      }
      debugger.interrupt();
    }
  }
}
