package org.redoubt.shell.internal.sev;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.HypervisorException;
import org.redoubt.shell.internal.ShellCommand;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code psp:csr}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=psp", "osgi.command.function=csr"})
public final class PspCsr extends ShellCommand {
  private final Processors processors;

  /** Made by SCR. */
  @Activate
  public PspCsr(@Reference Processors processors) {
    this.processors = processors;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(
      name = "psp:csr",
      description =
          "Writes the PEK's certificate without signatures to a file, for the platform's owner to"
              + " sign (PEK_CSR).")
  private final class Arguments implements Invocation {
    @Parameters(index = "0", paramLabel = "FILE", description = "Where it goes.")
    private @Nullable Path file;

    @Override
    public int run(Io io) throws HypervisorException, IOException {
      byte[] request = processors.admin().certificateRequest();
      Path target = Objects.requireNonNull(file);
      Files.write(target, request);
      io.out()
          .println(
              "Wrote "
                  + target
                  + ": 'owner:certify' signs it with the owner's OCA, 'psp:import-oca' takes it");
      return 0;
    }
  }
}
