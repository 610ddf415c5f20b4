package org.redoubt.shell.internal;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Optional;
import org.apache.felix.service.command.CommandSession;
import org.jline.terminal.Attributes;
import org.jline.terminal.Terminal;
import org.jline.utils.NonBlockingInputStream;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.vm.Vm;
import org.redoubt.api.vm.VmEnd;

/**
 * Puts the user in front of a VM's serial console. On a terminal every key goes to the guest, but
 * for those after Ctrl-A, as QEMU has them: X leaves, Ctrl-A goes through, H helps. Input that is
 * no terminal goes to the guest as it is, and its end means nothing.
 */
final class TerminalBridge {
  private static final int CTRL_A = 1;
  private static final long POLL_MS = 20;
  private static final Duration TICK = Duration.ofMillis(200);

  private final CommandSession session;
  private final OutputStream out;

  /** Reads input that is no terminal, for whichever VM is shown. */
  private @Nullable Thread feeder;

  private volatile @Nullable Vm shown;

  /**
   * @param out where the console's output goes
   */
  TerminalBridge(CommandSession session, OutputStream out) {
    this.session = session;
    this.out = out;
  }

  /**
   * Shows the console until the VM has ended or the user leaves.
   *
   * @param begin runs once the console is shown
   * @return how the VM ended; empty if the user left
   */
  Optional<VmEnd> show(Vm vm, Begin begin) throws Exception {
    if (session.get(Console.KEYBOARD) instanceof Terminal terminal) {
      return onTerminal(vm, begin, terminal);
    }
    if (Boolean.TRUE.equals(session.get(Console.TERMINAL))) {
      try (Terminal terminal = Console.terminal()) {
        return onTerminal(vm, begin, terminal);
      }
    }
    return plain(vm, begin);
  }

  /** What to do once somebody watches: start, or nothing. */
  interface Begin {
    void run() throws Exception;
  }

  private Optional<VmEnd> plain(Vm vm, Begin begin) throws Exception {
    try (AutoCloseable attached = vm.console().attach(out)) {
      begin.run();
      shown = vm;
      if (feeder == null || !feeder.isAlive()) {
        InputStream in = session.getKeyboard();
        feeder = Thread.ofPlatform().daemon(true).name("console input").start(() -> feed(in));
      }
      Optional<VmEnd> end = Optional.empty();
      while (end.isEmpty()) {
        end = vm.await(TICK);
      }
      return end;
    }
  }

  private void feed(InputStream in) {
    byte[] some = new byte[256];
    try {
      int count = in.read(some);
      Vm vm = shown;
      while (count > 0 && vm != null && vm.end().isEmpty()) {
        vm.console().type(java.util.Arrays.copyOf(some, count));
        count = in.read(some);
        vm = shown;
      }
    } catch (IOException | InterruptedException e) {
      // No more input then; the guest goes on.
    }
  }

  private Optional<VmEnd> onTerminal(Vm vm, Begin begin, Terminal terminal) throws Exception {
    Attributes before = terminal.enterRawMode();
    Attributes raw = terminal.getAttributes();
    raw.setLocalFlags(EnumSet.of(Attributes.LocalFlag.ISIG), false);
    terminal.setAttributes(raw);
    try (AutoCloseable attached = vm.console().attach(terminal.output())) {
      begin.run();
      return keys(vm, terminal);
    } finally {
      terminal.setAttributes(before);
    }
  }

  private Optional<VmEnd> keys(Vm vm, Terminal terminal) throws Exception {
    if (!(terminal.input() instanceof NonBlockingInputStream in)) {
      throw new IOException("This terminal cannot be read key by key");
    }
    boolean escaped = false;
    while (vm.end().isEmpty()) {
      int key = in.read(POLL_MS);
      if (key == -1) {
        return Optional.empty();
      } else if (key >= 0 && escaped) {
        escaped = false;
        if (key == 'x' || key == 'X') {
          terminal.writer().print("\r\n");
          terminal.flush();
          return Optional.empty();
        } else {
          special(key, vm, terminal);
        }
      } else if (key == CTRL_A) {
        escaped = true;
      } else if (key >= 0) {
        vm.console().type(new byte[] {(byte) key});
      }
    }
    return vm.end();
  }

  private static void special(int key, Vm vm, Terminal terminal) throws InterruptedException {
    if (key == CTRL_A) {
      vm.console().type(new byte[] {CTRL_A});
    } else if (key == 'h' || key == 'H') {
      terminal
          .writer()
          .print("\r\nCtrl-A X  leave\r\nCtrl-A Ctrl-A  send Ctrl-A\r\nCtrl-A H  this help\r\n");
      terminal.flush();
    }
  }
}
