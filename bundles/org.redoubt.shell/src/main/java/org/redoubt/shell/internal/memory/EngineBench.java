package org.redoubt.shell.internal.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.encryption.MemoryEncryptionEngine;
import org.redoubt.shell.internal.ShellCommand;
import org.redoubt.shell.internal.Table;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code engine:bench}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=engine", "osgi.command.function=bench"})
public final class EngineBench extends ShellCommand {
  private static final int PAGE_BYTES = 4096;
  private static final int PAGES = 64;
  private static final int WARM_UP_ROUNDS = 300;

  private final EngineCatalog catalog;

  /** Made by SCR. */
  @Activate
  public EngineBench(@Reference EngineCatalog catalog) {
    this.catalog = catalog;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Override
  protected List<String> suggestions(CommandSession session, List<String> words) {
    return catalog.names();
  }

  /** One direction of an engine. */
  private interface Direction {
    void page(long spa, MemorySegment from, MemorySegment to);
  }

  @Command(
      name = "engine:bench",
      description = "Measures engines on pages of 4096 bytes in one thread, in GB/s (10^9 bytes).")
  private final class Arguments implements Invocation {
    @Parameters(arity = "0..*", paramLabel = "ENGINE", description = "By name. Default: all.")
    private List<String> engines = new ArrayList<>();

    @Option(
        names = "--ms",
        paramLabel = "N",
        description = "How long to measure each direction, in milliseconds. Default: 500.")
    private int ms = 500;

    @Override
    public int run(Io io) throws HypervisorException {
      if (ms < 1) {
        throw new HypervisorException("--ms %d: it takes 1 or more".formatted(ms));
      }
      List<EngineCatalog.Entry> chosen = new ArrayList<>();
      for (String name : engines) {
        chosen.add(catalog.find(name));
      }
      Table table = new Table("Engine", "Encrypt GB/s", "Decrypt GB/s");
      for (EngineCatalog.Entry entry : engines.isEmpty() ? catalog.all() : chosen) {
        measure(entry, table);
      }
      io.out().print(table);
      return 0;
    }

    private void measure(EngineCatalog.Entry entry, Table table) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment key = arena.allocate(Math.max(1, entry.factory().keyBytes()));
        for (long i = 0; i < key.byteSize(); i++) {
          // XTS refuses a key whose halves are equal.
          key.set(ValueLayout.JAVA_BYTE, i, (byte) (i * 7 + 1));
        }
        MemorySegment plain = arena.allocate((long) PAGES * PAGE_BYTES, PAGE_BYTES);
        MemorySegment cipher = arena.allocate((long) PAGES * PAGE_BYTES, PAGE_BYTES);
        try (MemoryEncryptionEngine engine =
            entry.factory().create(key.asSlice(0, entry.factory().keyBytes()))) {
          String encrypt = rate(engine::encrypt, plain, cipher);
          table.row(entry.name(), encrypt, rate(engine::decrypt, cipher, plain));
        }
      }
    }

    private String rate(Direction direction, MemorySegment from, MemorySegment to) {
      for (int round = 0; round < WARM_UP_ROUNDS; round++) {
        allPages(direction, from, to);
      }
      long start = System.nanoTime();
      long bytes = 0;
      long elapsed = 0;
      while (elapsed < ms * 1_000_000L) {
        allPages(direction, from, to);
        bytes += from.byteSize();
        elapsed = System.nanoTime() - start;
      }
      return Numbers.rate(bytes, elapsed);
    }

    private static void allPages(Direction direction, MemorySegment from, MemorySegment to) {
      for (long spa = 0; spa < from.byteSize(); spa += PAGE_BYTES) {
        direction.page(spa, from.asSlice(spa, PAGE_BYTES), to.asSlice(spa, PAGE_BYTES));
      }
    }
  }
}
