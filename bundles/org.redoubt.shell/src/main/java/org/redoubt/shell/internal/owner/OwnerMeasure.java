package org.redoubt.shell.internal.owner;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Component;
import org.redoubt.owner.LaunchLog;
import org.redoubt.owner.LaunchPrediction;
import org.redoubt.owner.OwnerTasks;
import org.redoubt.shell.internal.ShellCommand;
import org.redoubt.shell.internal.Table;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code owner:measure}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=owner", "osgi.command.function=measure"})
public final class OwnerMeasure extends ShellCommand {
  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(name = "owner:measure", description = "Predicts the launch digest, region by region.")
  private static final class Arguments implements Invocation {
    @Mixin private GuestOptions guest = new GuestOptions();

    @Option(names = "--log", paramLabel = "FILE", description = "Writes the running digests here.")
    private @Nullable Path log;

    @Override
    public int run(Io io) throws Exception {
      List<LaunchPrediction.Step> steps = guest.predict(new OwnerTasks()).steps();
      Table table = new Table("Region", "Address", "Bytes", "Digest up to its end");
      for (LaunchPrediction.Step s : steps) {
        table.row(
            s.name(), "0x%x".formatted(s.gpa()), s.bytes(), HexFormat.of().formatHex(s.digest()));
      }
      io.out().print(table);
      if (!steps.isEmpty()) {
        io.out().println("Launch digest " + HexFormat.of().formatHex(steps.getLast().digest()));
      }
      Path target = log;
      if (target != null) {
        Files.writeString(target, LaunchLog.format(steps));
      }
      return 0;
    }
  }
}
