package org.redoubt.shell.internal.sev;

import java.util.Locale;
import java.util.NoSuchElementException;
import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.shell.internal.ShellCommand;
import org.redoubt.spec.sev.FirmwareStatus;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code psp:explain}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=psp", "osgi.command.function=explain"})
public final class PspExplain extends ShellCommand {
  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(
      name = "psp:explain",
      description = "Explains a status code of the firmware: number or name.")
  private static final class Arguments implements Invocation {
    @Parameters(
        index = "0",
        paramLabel = "CODE",
        description = "Such as 0xF, 15 or DFFLUSH_REQUIRED.")
    private String code = "";

    @Override
    public int run(Io io) throws HypervisorException {
      FirmwareStatus status = find();
      io.out().println("%Xh (%d)  %s".formatted(status.code(), status.code(), status));
      io.out().println(status.explanation());
      return 0;
    }

    private FirmwareStatus find() throws HypervisorException {
      String word = code.strip().toUpperCase(Locale.ROOT);
      for (FirmwareStatus s : FirmwareStatus.values()) {
        if (s.name().equals(word)) {
          return s;
        }
      }
      try {
        return FirmwareStatus.of(Integer.decode(word.toLowerCase(Locale.ROOT))).orElseThrow();
      } catch (NumberFormatException | NoSuchElementException e) {
        throw new HypervisorException(
            "'%s' is no status: it takes a name, or a number from 0 to 0x27".formatted(code), e);
      }
    }
  }
}
