package org.redoubt.shell.internal.memory;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.HypervisorException;
import org.redoubt.shell.internal.ShellCommand;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code mem:dump}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=mem", "osgi.command.function=dump"})
public final class MemDump extends ShellCommand {
  private static final int PER_LINE = 16;

  private final Memories memories;

  /** Made by SCR. */
  @Activate
  public MemDump(@Reference Memories memories) {
    this.memories = memories;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(
      name = "mem:dump",
      description = "Shows memory as addresses, hex digits and text, as the guest or the host.")
  private final class Arguments implements Invocation {
    @Parameters(
        index = "0",
        paramLabel = "SPA",
        converter = Numbers.Converter.class,
        description = "System-physical address.")
    private long spa;

    @Parameters(
        index = "1",
        arity = "0..1",
        paramLabel = "LENGTH",
        converter = Numbers.Converter.class,
        description = "How many bytes. Default: 64.")
    private long length = 64;

    @Mixin private Access access = new Access();

    @Override
    public int run(Io io) throws HypervisorException {
      show(io.out(), spa, access.read(memories, spa, length));
      return 0;
    }
  }

  private static void show(PrintStream out, long spa, byte[] bytes) {
    HexFormat spaced = HexFormat.ofDelimiter(" ");
    for (int from = 0; from < bytes.length; from += PER_LINE) {
      byte[] line = Arrays.copyOfRange(bytes, from, Math.min(from + PER_LINE, bytes.length));
      String text = new String(line, StandardCharsets.ISO_8859_1).replaceAll("[^ -~]", ".");
      out.println("%012x  %-47s  |%s|".formatted(spa + from, spaced.formatHex(line), text));
    }
  }
}
