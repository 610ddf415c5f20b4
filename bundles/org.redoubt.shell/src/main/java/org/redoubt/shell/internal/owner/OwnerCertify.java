package org.redoubt.shell.internal.owner;

import java.nio.file.Path;
import java.util.Objects;
import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Component;
import org.redoubt.owner.OwnerTasks;
import org.redoubt.shell.internal.ShellCommand;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code owner:certify}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=owner", "osgi.command.function=certify"})
public final class OwnerCertify extends ShellCommand {
  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(
      name = "owner:certify",
      description =
          "Signs what psp:csr wrote, as the owner of the platform; makes the owner's key and OCA"
              + " certificate if there are none.")
  private static final class Arguments implements Invocation {
    @Option(
        names = "--name",
        paramLabel = "NAME",
        description =
            "Of the owner: the key is NAME_oca.pem (PKCS #8, P-384), the certificate"
                + " NAME_oca.cert. Default: owner.")
    private String name = "owner";

    @Parameters(
        index = "0",
        paramLabel = "FILE",
        description = "The request; the signed certificate takes its place.")
    private @Nullable Path request;

    @Override
    public int run(Io io) throws Exception {
      Path pek = Objects.requireNonNull(request);
      OwnerTasks.OcaFiles files = OwnerTasks.OcaFiles.in(Path.of(""), name);
      String fingerprint = new OwnerTasks().certify(pek, files);
      io.out().println("Signed: psp:import-oca " + pek + " " + files.certificate());
      io.out().println("For policy:use same-oca: oca=" + fingerprint);
      io.out().println("Keep to yourself: " + files.key());
      return 0;
    }
  }
}
