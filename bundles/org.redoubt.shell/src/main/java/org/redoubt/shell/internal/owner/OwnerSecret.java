package org.redoubt.shell.internal.owner;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Component;
import org.redoubt.owner.OwnerTasks;
import org.redoubt.owner.SecretTable;
import org.redoubt.shell.internal.ShellCommand;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code owner:secret}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=owner", "osgi.command.function=secret"})
public final class OwnerSecret extends ShellCommand {
  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(
      name = "owner:secret",
      description = "Seals a secret for the guest whose measurement you found valid.")
  private static final class Arguments implements Invocation {
    @Mixin private KeyOptions keys = new KeyOptions();

    @Option(
        names = "--guid",
        paramLabel = "GUID",
        description =
            "Puts the secret into a table under this GUID, as OVMF and Linux's efi_secret want it.")
    private @Nullable UUID guid;

    @Parameters(index = "0", paramLabel = "SECRET", description = "The file with the secret.")
    private @Nullable Path secret;

    @Parameters(index = "1", paramLabel = "HEADER", description = "Where the packet's header goes.")
    private @Nullable Path header;

    @Parameters(index = "2", paramLabel = "PAYLOAD", description = "Where the ciphertext goes.")
    private @Nullable Path payload;

    @Override
    public int run(Io io) throws Exception {
      byte[] plain = Files.readAllBytes(Objects.requireNonNull(secret));
      UUID name = guid;
      byte[] packed = name == null ? plain : SecretTable.build(Map.of(name, plain));
      new OwnerTasks()
          .secret(
              keys.keys(),
              keys.measurement(),
              packed,
              Objects.requireNonNull(header),
              Objects.requireNonNull(payload));
      io.out().println("For LAUNCH_SECRET: " + header + ", " + payload);
      return 0;
    }
  }
}
