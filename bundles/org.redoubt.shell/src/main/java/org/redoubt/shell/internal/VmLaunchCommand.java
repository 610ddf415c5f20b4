package org.redoubt.shell.internal;

import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Optional;
import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.guest.LaunchPlan;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.Launch;
import org.redoubt.api.vm.Vm;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code vm:launch}: how an encrypted VM was launched. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=vm", "osgi.command.function=launch"})
public final class VmLaunchCommand extends VmCommand {
  /** Made by SCR. */
  @Activate
  public VmLaunchCommand(@Reference Hypervisor hypervisor) {
    super(hypervisor);
  }

  @Override
  protected Invocation invocation() {
    return new Arguments(hypervisor);
  }

  @Command(
      name = "vm:launch",
      description = "Shows how an encrypted VM was launched: regions, digests, measurement.")
  private static final class Arguments extends Named {
    @Option(
        names = "--measurement",
        paramLabel = "FILE",
        description = "Writes the measurement here, in base64.")
    private @Nullable Path measurement;

    @Option(names = "--log", paramLabel = "FILE", description = "Writes the log here.")
    private @Nullable Path log;

    @Option(
        names = "--image",
        paramLabel = "FILE",
        description = "Writes the measured bytes here; until the VM is started.")
    private @Nullable Path image;

    Arguments(Hypervisor hypervisor) {
      super(hypervisor);
    }

    @Override
    public int run(Io io) throws Exception {
      Vm vm = vm();
      Launch launch = Launches.of(vm);
      if (image != null && launch.image().isEmpty()) {
        throw new UsageException(
            "VM '%s' was started: its image is not kept".formatted(vm.config().name()));
      }
      Launches.write(launch, measurement, log, image);
      Table table = new Table("Region", "Address", "Bytes", "Digest up to its end");
      for (Launch.Step step : launch.log()) {
        table.row(
            step.name(),
            "0x%x".formatted(step.gpa()),
            step.bytes(),
            HexFormat.of().formatHex(step.digest()));
      }
      io.out().print(table);
      line(io, "Policy", launch.policy() + ": " + launch.policy().summary());
      line(io, "Session", launch.owned() ? "the owner's" : "none: nobody can verify this launch");
      line(io, "Measurement", Launches.measurement(launch));
      line(io, "Secret", secret(launch));
      return 0;
    }

    private static String secret(Launch launch) {
      Optional<LaunchPlan.SecretArea> area = launch.secretArea();
      String room =
          area.map(a -> "room for %d bytes at %xh".formatted(a.bytes(), a.gpa())).orElse("no room");
      return "%s; %d delivered%s"
          .formatted(room, launch.secretBytes(), launch.finished() ? ", launch finished" : "");
    }

    private static void line(Io io, String name, String text) {
      io.out().println("%-12s %s".formatted(name, text));
    }
  }
}
