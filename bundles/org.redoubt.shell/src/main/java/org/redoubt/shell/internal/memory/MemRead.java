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
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code mem:read}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=mem", "osgi.command.function=read"})
public final class MemRead extends ShellCommand {
  private final Memories memories;

  /** Made by SCR. */
  @Activate
  public MemRead(@Reference Memories memories) {
    this.memories = memories;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(name = "mem:read", description = "Reads memory as text, as hex digits or into a file.")
  private final class Arguments implements Invocation {
    @Parameters(
        index = "0",
        paramLabel = "SPA",
        converter = Numbers.Converter.class,
        description = "System-physical address.")
    private long spa;

    @Parameters(
        index = "1",
        paramLabel = "LENGTH",
        converter = Numbers.Converter.class,
        description = "How many bytes.")
    private long length;

    @Option(names = "--hex", description = "Shows hex digits instead of text.")
    private boolean hex;

    @Option(names = "--file", paramLabel = "FILE", description = "Writes the bytes to a file.")
    private @Nullable Path file;

    @Mixin private Access access = new Access();

    @Override
    public int run(Io io) throws HypervisorException {
      byte[] bytes = access.read(memories, spa, length);
      if (file != null) {
        Path path = io.session().currentDir().resolve(file);
        try {
          Files.write(path, bytes);
        } catch (IOException e) {
          throw new HypervisorException("File %s cannot be written".formatted(path), e);
        }
      } else if (hex) {
        io.out().println(HexFormat.of().formatHex(bytes));
      } else {
        io.out().println(new String(bytes, StandardCharsets.ISO_8859_1).replaceAll("[^ -~]", "."));
      }
      return 0;
    }
  }
}
