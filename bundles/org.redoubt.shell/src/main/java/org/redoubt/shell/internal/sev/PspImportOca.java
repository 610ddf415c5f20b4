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
import org.redoubt.owner.PlatformOwner;
import org.redoubt.shell.internal.ShellCommand;
import org.redoubt.spec.sev.cert.SevCertificate;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code psp:import-oca}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=psp", "osgi.command.function=import-oca"})
public final class PspImportOca extends ShellCommand {
  private final Processors processors;

  /** Made by SCR. */
  @Activate
  public PspImportOca(@Reference Processors processors) {
    this.processors = processors;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(
      name = "psp:import-oca",
      description =
          "Gives the platform an owner: takes the PEK certificate that the owner has signed, and"
              + " the owner's own (PEK_CERT_IMPORT).")
  private final class Arguments implements Invocation {
    @Parameters(index = "0", paramLabel = "PEK", description = "What psp:csr wrote, signed.")
    private @Nullable Path pek;

    @Parameters(index = "1", paramLabel = "OCA", description = "The owner's certificate.")
    private @Nullable Path oca;

    @Override
    public int run(Io io) throws HypervisorException, IOException {
      byte[] owner = read(Objects.requireNonNull(oca));
      processors.admin().importOwner(read(Objects.requireNonNull(pek)), owner);
      io.out().println("The platform is owned by the OCA in " + oca + "; it has a new PDH.");
      io.out()
          .println(
              "For policy:use same-oca: oca="
                  + PlatformOwner.fingerprint(new SevCertificate(owner)));
      return 0;
    }

    private byte[] read(Path file) throws HypervisorException, IOException {
      if (!Files.isRegularFile(file)) {
        throw new HypervisorException("There is no file " + file);
      }
      return Files.readAllBytes(file);
    }
  }
}
