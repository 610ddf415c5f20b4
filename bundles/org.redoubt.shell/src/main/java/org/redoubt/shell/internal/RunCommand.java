package org.redoubt.shell.internal;

import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ReferencePolicy;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.vm.DebugServer;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.Vm;
import org.redoubt.api.vm.VmConfig;
import org.redoubt.api.vm.VmEnd;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * {@code ./redoubt run}: one VM, its console on standard input and output, its end the status: 0
 * power-off, 2 not started (bad options or images, or firmware or owner refused), 3 crash, 4 reset,
 * the guest's own from the debug-exit port.
 */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=" + Entry.SUBCOMMANDS, "osgi.command.function=run"})
public final class RunCommand extends ShellCommand {
  private final Hypervisor hypervisor;

  @Reference(cardinality = ReferenceCardinality.OPTIONAL, policy = ReferencePolicy.DYNAMIC)
  private volatile @Nullable DebugServer debugServer;

  /** Made by SCR. */
  @Activate
  public RunCommand(@Reference Hypervisor hypervisor) {
    this.hypervisor = hypervisor;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(
      name = "run",
      description = "Boots one VM with its serial console here; Ctrl-A X leaves.",
      sortOptions = false)
  private final class Arguments implements Invocation {
    @Mixin private VmOptions options = new VmOptions();

    @Mixin private LaunchOptions launch = new LaunchOptions();

    @Mixin private GdbOptions gdb = new GdbOptions();

    @Option(
        names = "--secret-header",
        paramLabel = "FILE",
        description = "With --session: waits for the owner's packet; its header will be here.")
    private @Nullable Path secretHeader;

    @Option(
        names = "--secret-payload",
        paramLabel = "FILE",
        description = "With --session: and its payload here.")
    private @Nullable Path secretPayload;

    @Option(
        names = "--reboot",
        description =
            "When the guest resets its machine, it starts again (by default run ends, status 4)."
                + " Not under SEV.")
    private boolean reboot;

    @Override
    public int run(Io io) throws Exception {
      if (options.cpu.equals("help")) {
        listCpuModels(io);
        return 0;
      }
      if (options.lab) {
        System.err.println("--lab: the guest's debug policy is ignored.");
      }
      gdb.check();
      if (reboot && options.icount) {
        throw new UsageException("--reboot does not go with --icount: a run ends with a reset");
      }
      TerminalBridge bridge = new TerminalBridge(io.session(), io.out());
      while (true) {
        OptionalInt status = once(io, bridge);
        if (status.isPresent()) {
          return status.getAsInt();
        }
      }
    }

    /** Runs the VM to its end; empty if it is to start again. */
    private OptionalInt once(Io io, TerminalBridge bridge) throws Exception {
      try (Vm vm = create(io);
          DebugServer.Listening debugger = listen(vm)) {
        Optional<VmEnd> end = bridge.show(vm, () -> start(vm));
        if (end.isEmpty()) {
          vm.stop(); // the user left, and the VM ends with it
          sayState(io, vm);
          return OptionalInt.of(0);
        }
        sayState(io, vm);
        VmEnd how = end.get();
        boolean encrypted = vm.asid() != 0;
        if (how.cause() == VmEnd.Cause.RESET && reboot && !encrypted) {
          return OptionalInt.empty();
        }
        if (how.cause() != VmEnd.Cause.POWER_OFF && how.cause() != VmEnd.Cause.DEBUG_EXIT) {
          System.err.println(how.report().strip() + (encrypted ? notAgain(how) : ""));
        }
        return OptionalInt.of(how.exitCode());
      }
    }

    /** As with real SEV, whose encrypted state nobody can put back to its beginning. */
    private static String notAgain(VmEnd how) {
      return how.cause() == VmEnd.Cause.RESET
          ? " An encrypted guest does not start again by itself: it must be launched anew."
          : "";
    }

    private void listCpuModels(Io io) throws UsageException {
      try {
        Map<String, String> models = hypervisor.cpuModels(Optional.ofNullable(options.cpuEngine));
        models.forEach((name, about) -> io.out().println("%-14s %s".formatted(name, about)));
        io.out().flush();
      } catch (HypervisorException e) {
        throw new UsageException(Failures.oneLine(e));
      }
    }

    private static void sayState(Io io, Vm vm) {
      io.out().flush();
      vm.stateHash().ifPresent(hash -> System.err.println("State hash " + hash));
    }

    private DebugServer.@Nullable Listening listen(Vm vm) throws UsageException {
      try {
        return gdb.listen(debugServer, vm, options.lab, System.err);
      } catch (HypervisorException e) {
        throw new UsageException(Failures.oneLine(e));
      }
    }

    private void start(Vm vm) throws UsageException {
      try {
        vm.start();
      } catch (HypervisorException e) {
        if (gdb.waits() && vm.state() != Vm.State.CREATED) {
          return; // gdb was faster
        }
        throw new UsageException(Failures.oneLine(e));
      }
    }

    private Vm create(Io io) throws UsageException {
      OwnersPacket packet = packet();
      VmConfig config = options.config(VmCommand.freeName(hypervisor), new DefaultImage(io));
      Vm vm = new Launches(hypervisor, System.err, io).create(config, launch);
      try {
        if (packet != null) {
          packet.await(vm, System.err);
        }
        return vm;
      } catch (UsageException | RuntimeException e) {
        vm.close();
        throw e;
      }
    }

    private @Nullable OwnersPacket packet() throws UsageException {
      Path header = secretHeader;
      Path payload = secretPayload;
      if ((header == null) != (payload == null)) {
        throw new UsageException("--secret-header and --secret-payload go together");
      }
      if (header == null || payload == null) {
        if (launch.hasSession() && !launch.noSecret) {
          throw new UsageException(
              "--session waits for the owner's secret: it takes --secret-header and"
                  + " --secret-payload, or --no-secret");
        }
        return null;
      }
      if (!launch.hasSession() || launch.noSecret) {
        throw new UsageException("--secret-header goes with --session, and not with --no-secret");
      }
      return OwnersPacket.expected(header, payload);
    }
  }
}
