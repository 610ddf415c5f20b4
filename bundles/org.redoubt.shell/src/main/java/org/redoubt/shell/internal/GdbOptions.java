package org.redoubt.shell.internal;

import java.io.PrintStream;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.vm.DebugServer;
import org.redoubt.api.vm.Vm;
import picocli.CommandLine.Option;

/** What {@code run} takes for a debugger. */
final class GdbOptions {
  /** As QEMU has it. */
  static final String DEFAULT_PORT = "1234";

  private static final int MOST_PORT = 65535;

  @Option(
      names = "--gdb",
      arity = "0..1",
      paramLabel = "PORT",
      fallbackValue = DEFAULT_PORT,
      description = "Lets gdb attach at this port of the loopback (default: 1234; 0: a free one).")
  private @Nullable Integer port;

  @Option(
      names = {"--wait", "-S"},
      description = "With --gdb: the guest stands still until gdb lets it run.")
  private boolean waits;

  /** Whether somebody else may start the VM. */
  boolean waits() {
    return waits;
  }

  /** Refuses, before a VM is made, what does not go together and what is no port. */
  void check() throws UsageException {
    Integer wanted = port;
    if (waits && wanted == null) {
      throw new UsageException("--wait goes with --gdb");
    }
    if (wanted != null && (wanted < 0 || wanted > MOST_PORT)) {
      throw new UsageException("--gdb %d: ports go from 0 to %d".formatted(wanted, MOST_PORT));
    }
  }

  /**
   * Opens the port, if one was asked for, and says so.
   *
   * @return null if none was
   */
  DebugServer.@Nullable Listening listen(
      @Nullable DebugServer server, Vm vm, boolean lab, PrintStream out)
      throws HypervisorException {
    Integer wanted = port;
    return wanted == null ? null : listen(server, vm, wanted, waits, lab, out);
  }

  /** Opens a port, and says so. */
  static DebugServer.Listening listen(
      @Nullable DebugServer server, Vm vm, int port, boolean waits, boolean lab, PrintStream out)
      throws HypervisorException {
    if (server == null) {
      throw new HypervisorException("No stub for gdb is installed; start a bundle that offers one");
    }
    DebugServer.Listening listening = server.listen(vm, port, waits, lab);
    out.println(
        "gdb may attach to '%s'%s: gdb -ex 'target remote 127.0.0.1:%d'"
            .formatted(vm.config().name(), waits ? ", which waits for it" : "", listening.port()));
    return listening;
  }
}
