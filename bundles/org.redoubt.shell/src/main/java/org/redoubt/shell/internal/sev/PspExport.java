package org.redoubt.shell.internal.sev;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;
import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.firmware.CertificateSet;
import org.redoubt.owner.ChainFile;
import org.redoubt.owner.PlatformReport;
import org.redoubt.shell.internal.ShellCommand;
import org.redoubt.spec.sev.cert.PlatformChain;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code psp:export}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=psp", "osgi.command.function=export"})
public final class PspExport extends ShellCommand {
  private final Processors processors;

  /** Made by SCR. */
  @Activate
  public PspExport(@Reference Processors processors) {
    this.processors = processors;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(
      name = "psp:export",
      description =
          "Writes the certificate chain PDH, PEK, OCA, CEK and, with --full, ASK and ARK to a"
              + " file.")
  private final class Arguments implements Invocation {
    @Parameters(index = "0", paramLabel = "FILE", description = "Where the chain goes.")
    private @Nullable Path file;

    @Option(names = "--full", description = "ASK and ARK too: what 'owner:verify-platform' takes.")
    private boolean full;

    @Option(
        names = "--ark",
        paramLabel = "FILE",
        description = "Writes the root here, for owners to trust.")
    private @Nullable Path ark;

    @Override
    public int run(Io io) throws HypervisorException, IOException {
      CertificateSet set = processors.processor().certificates();
      PlatformChain chain =
          set.platform()
              .orElseThrow(() ->
                  new HypervisorException("The platform is not initialized: it has no chain"));
      Optional<ChainFile.MakerChain> maker =
          full ? Optional.of(new ChainFile.MakerChain(set.ask(), set.ark())) : Optional.empty();
      Path target = Objects.requireNonNull(file);
      Files.write(target, new ChainFile(chain, maker).toBytes());
      io.out().println("Wrote " + target);
      Path root = ark;
      if (root != null) {
        Files.write(root, set.ark().toBytes());
        io.out().println("Wrote " + root + ": " + PlatformReport.keyId(set.ark()));
      }
      return 0;
    }
  }
}
