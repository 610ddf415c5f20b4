package org.redoubt.shell.internal.owner;

import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Optional;
import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.owner.LaunchCheck;
import org.redoubt.owner.OwnerTasks;
import org.redoubt.shell.internal.ShellCommand;
import org.redoubt.spec.sev.GuestPolicy;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code owner:verify}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=owner", "osgi.command.function=verify"})
public final class OwnerVerify extends ShellCommand {
  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(
      name = "owner:verify",
      description =
          "Checks a measurement against what you expect, and names the first region that differs.")
  private static final class Arguments implements Invocation {
    @Mixin private KeyOptions keys = new KeyOptions();

    @Mixin private GuestOptions guest = new GuestOptions();

    @Option(
        names = "--policy",
        required = true,
        paramLabel = "POLICY",
        description = "The guest's policy.")
    private String policy = "";

    @Option(
        names = "--api",
        paramLabel = "MAJOR.MINOR",
        description = "The firmware's API version. Default: 1.55.")
    private String api = "1.55";

    @Option(names = "--build", paramLabel = "N", description = "The firmware's build. Default: 1.")
    private int build = 1;

    @Option(
        names = "--digest",
        paramLabel = "HEX",
        description = "The launch digest, instead of images.")
    private @Nullable String digest;

    @Option(
        names = "--host-log",
        paramLabel = "FILE",
        description = "The host's log of running digests, to name a region by.")
    private @Nullable Path hostLog;

    @Override
    public int run(Io io) throws Exception {
      OwnerTasks tasks = new OwnerTasks();
      GuestPolicy p = Policies.parse(policy);
      String hex = digest;
      LaunchCheck.Verdict verdict =
          hex != null
              ? tasks.verifyDigest(keys.keys(), p, firmware(), keys.measurement(), parse(hex))
              : tasks.verify(
                  keys.keys(),
                  p,
                  firmware(),
                  keys.measurement(),
                  guest.predict(tasks),
                  Optional.ofNullable(hostLog));
      io.out().println((verdict.valid() ? "VALID: " : "NOT VALID: ") + verdict.explanation());
      return verdict.valid() ? 0 : 1;
    }

    private static byte[] parse(String hex) throws HypervisorException {
      try {
        byte[] bytes = HexFormat.of().parseHex(hex.strip().toLowerCase(Locale.ROOT));
        if (bytes.length == 32) {
          return bytes;
        }
      } catch (IllegalArgumentException e) {
        // The message below says what was wanted.
      }
      throw new HypervisorException(
          "'%s' is no digest: it takes 64 hexadecimal digits".formatted(hex));
    }

    private LaunchCheck.Firmware firmware() throws HypervisorException {
      String[] parts = api.split("\\.", -1);
      try {
        return new LaunchCheck.Firmware(
            Integer.parseInt(parts[0]), Integer.parseInt(parts[1]), build);
      } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
        throw new HypervisorException("'%s' is no API version such as 1.55".formatted(api), e);
      }
    }
  }
}
