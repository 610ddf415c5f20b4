package org.redoubt.shell.internal.memory;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.HypervisorException;
import org.redoubt.shell.internal.ShellCommand;
import org.redoubt.shell.internal.UsageException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code mem:write}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=mem", "osgi.command.function=write"})
public final class MemWrite extends ShellCommand {
  private final Memories memories;

  /** Made by SCR. */
  @Activate
  public MemWrite(@Reference Memories memories) {
    this.memories = memories;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(name = "mem:write", description = "Writes text, hex digits or a file to memory.")
  private final class Arguments implements Invocation {
    @Parameters(
        index = "0",
        paramLabel = "SPA",
        converter = Numbers.Converter.class,
        description = "System-physical address.")
    private long spa;

    @Parameters(index = "1", arity = "0..1", paramLabel = "TEXT", description = "UTF-8 text.")
    private @Nullable String text;

    @Option(names = "--hex", paramLabel = "DIGITS", description = "Bytes as hex digits.")
    private @Nullable String hex;

    @Option(names = "--file", paramLabel = "FILE", description = "A file's bytes.")
    private @Nullable Path file;

    @Mixin private Access access = new Access();

    @Override
    public int run(Io io) throws HypervisorException, UsageException {
      byte[] bytes = bytes(io);
      access.write(memories, spa, bytes);
      io.out().println("%d bytes at 0x%x".formatted(bytes.length, spa));
      return 0;
    }

    private byte[] bytes(Io io) throws HypervisorException, UsageException {
      if (text != null && hex == null && file == null) {
        return text.getBytes(StandardCharsets.UTF_8);
      }
      if (hex != null && text == null && file == null) {
        try {
          return HexFormat.of().parseHex(hex.replace(" ", ""));
        } catch (IllegalArgumentException e) {
          throw new UsageException("mem:write: --hex takes pairs of hex digits, not '" + hex + "'");
        }
      }
      if (file != null && text == null && hex == null) {
        Path path = io.session().currentDir().resolve(file);
        try {
          return Files.readAllBytes(path);
        } catch (IOException e) {
          throw new HypervisorException("File %s cannot be read".formatted(path), e);
        }
      }
      throw new UsageException("mem:write: say one of TEXT, --hex DIGITS, --file FILE");
    }
  }
}
