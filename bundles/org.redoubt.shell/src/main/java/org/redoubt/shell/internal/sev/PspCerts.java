package org.redoubt.shell.internal.sev;

import java.util.Comparator;
import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.firmware.CertificateSet;
import org.redoubt.owner.PlatformReport;
import org.redoubt.shell.internal.ShellCommand;
import org.redoubt.spec.sev.cert.Usage;
import picocli.CommandLine.Command;

/** {@code psp:certs}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=psp", "osgi.command.function=certs"})
public final class PspCerts extends ShellCommand {
  private final Processors processors;

  /** Made by SCR. */
  @Activate
  public PspCerts(@Reference Processors processors) {
    this.processors = processors;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(
      name = "psp:certs",
      description = "Shows the certificates as a tree, with the validity of each.")
  private final class Arguments implements Invocation {
    @Override
    public int run(Io io) throws HypervisorException {
      CertificateSet set = processors.processor().certificates();
      if (set.platform().isEmpty()) {
        io.out().println("The platform is not initialized: it has an ARK and an ASK only.");
        io.out().println("ARK  " + PlatformReport.keyId(set.ark()));
        io.out().println("+- ASK  " + PlatformReport.keyId(set.ask()));
        return 1;
      }
      PlatformReport report =
          PlatformReport.of(set.ark(), set.ark(), set.ask(), set.platform().get());
      // Beside the maker's tree, the owner's: parents first, and both roots without indentation.
      report.lines().stream()
          .sorted(Comparator.comparing(line -> line.usage() == Usage.OCA))
          .forEach(line -> io.out().println(tree(line, set)));
      return report.valid() ? 0 : 1;
    }

    private String tree(PlatformReport.Line line, CertificateSet set) {
      String indent = line.depth() == 0 ? "" : "   ".repeat(line.depth() - 1) + "+- ";
      String id =
          switch (line.usage()) {
            case ARK -> "  " + PlatformReport.keyId(set.ark());
            case ASK -> "  " + PlatformReport.keyId(set.ask());
            default -> "";
          };
      return "%s%s%s  signed by %s  %s"
          .formatted(
              indent,
              line.usage(),
              id,
              line.signers(),
              line.problem().map(p -> "NOT VALID: " + p).orElse("valid"));
    }
  }
}
