package org.redoubt.shell.internal.memory;

import java.time.Duration;
import java.util.List;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.memory.EngineChange;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.shell.internal.Progress;
import org.redoubt.shell.internal.ShellCommand;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code engine:use}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=engine", "osgi.command.function=use"})
public final class EngineUse extends ShellCommand {
  private static final Duration REFRESH = Duration.ofMillis(50);

  private final EngineCatalog catalog;
  private final Memories memories;

  /** Made by SCR. */
  @Activate
  public EngineUse(@Reference EngineCatalog catalog, @Reference Memories memories) {
    this.catalog = catalog;
    this.memories = memories;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Override
  protected List<String> suggestions(CommandSession session, List<String> words) {
    return words.contains("--memory") ? memories.names() : catalog.names();
  }

  @Command(
      name = "engine:use",
      description = "Carries all pages of a memory system over to another engine, while in use.")
  private final class Arguments implements Invocation {
    @Parameters(paramLabel = "ENGINE", description = "By name, as engine:list shows it.")
    private String engine = "";

    @Mixin private MemoryOption memory = new MemoryOption();

    @Override
    public int run(Io io) throws HypervisorException, InterruptedException {
      catalog.find(engine);
      MemorySystem system = memories.find(memory.name);
      String name = system.config().name();
      long start = System.nanoTime();
      EngineChange change = system.changeEngine(engine);
      try (Progress progress = io.progress("%s: %s to %s".formatted(name, change.from(), engine))) {
        while (!change.await(REFRESH)) {
          progress.show(change.pagesDone(), change.pagesTotal());
        }
        progress.show(change.pagesDone(), change.pagesTotal());
      }
      if (change.state() != EngineChange.State.DONE) {
        throw new HypervisorException(
            "%s: %s"
                .formatted(name, change.failure().orElse("The change ended as " + change.state())));
      }
      io.out()
          .println(
              "%s: %d pages from %s to %s in %.2f s"
                  .formatted(
                      name,
                      change.pagesTotal(),
                      change.from(),
                      change.to(),
                      (System.nanoTime() - start) / 1e9));
      return 0;
    }
  }
}
