package org.redoubt.shell.internal.sev;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.firmware.PlatformInfo;
import org.redoubt.shell.internal.ShellCommand;
import org.redoubt.shell.internal.UsageException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code psp:update}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=psp", "osgi.command.function=update"})
public final class PspUpdate extends ShellCommand {
  private final Processors processors;

  /** Made by SCR. */
  @Activate
  public PspUpdate(@Reference Processors processors) {
    this.processors = processors;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(
      name = "psp:update",
      description =
          "Has another installed firmware take over until this process ends"
              + " (DOWNLOAD_FIRMWARE).")
  private final class Arguments implements Invocation {
    @Parameters(
        index = "0",
        arity = "0..1",
        paramLabel = "NAME",
        description = "redoubt.firmware.name of the firmware; an image of it is made and signed.")
    private @Nullable String name;

    @Option(names = "--image", paramLabel = "FILE", description = "Takes this image instead.")
    private @Nullable Path image;

    @Option(
        names = "--save",
        paramLabel = "FILE",
        description = "Writes the image of NAME to a file instead, as the maker would ship it.")
    private @Nullable Path save;

    @Option(
        names = "--svn",
        paramLabel = "N",
        description = "Security version of the image (default: 1).")
    private int svn = 1;

    @Override
    public int run(Io io) throws HypervisorException, IOException, UsageException {
      if ((name == null) == (image == null) || save != null && name == null) {
        throw new UsageException("psp:update: it takes either NAME or --image FILE");
      }
      byte[] bytes =
          image == null
              ? processors.processor().firmwareImage(String.valueOf(name), svn)
              : read(image);
      Path target = save;
      if (target != null) {
        Files.write(target, bytes);
        io.out().println("Wrote " + target);
        return 0;
      }
      PlatformInfo before = processors.processor().info();
      processors.admin().updateFirmware(bytes);
      PlatformInfo after = processors.processor().info();
      io.out().println("API " + version(before) + " -> " + version(after));
      return 0;
    }

    private String version(PlatformInfo info) {
      return info.apiMajor() + "." + info.apiMinor() + ", build " + info.build();
    }

    private byte[] read(Path file) throws HypervisorException, IOException {
      if (!Files.isRegularFile(file)) {
        throw new HypervisorException("There is no file " + file);
      }
      return Files.readAllBytes(file);
    }
  }
}
