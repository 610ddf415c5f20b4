package org.redoubt.shell.internal.memory;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.Vm;
import org.redoubt.shell.internal.ShellCommand;
import org.redoubt.shell.internal.Sizes;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code mem:map}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=mem", "osgi.command.function=map"})
public final class MemMap extends ShellCommand {
  private final Hypervisor hypervisor;

  /** Made by SCR. */
  @Activate
  public MemMap(@Reference Hypervisor hypervisor) {
    this.hypervisor = hypervisor;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Override
  protected List<String> suggestions(CommandSession session, List<String> words) {
    return hypervisor.vms().stream().map(vm -> vm.config().name()).toList();
  }

  @Command(
      name = "mem:map",
      description =
          "Draws a guest's memory: private, shared, in the SoC cache, never touched; entropy in"
              + " DRAM.")
  private final class Arguments implements Invocation {
    @Parameters(
        index = "0",
        arity = "0..1",
        paramLabel = "VM",
        description = "Its name; may be left out while there is only one.")
    private @Nullable String name;

    @Option(
        names = "--entropy",
        description =
            "Draws the entropy of the bytes in DRAM, 0 to 7 bits a byte, in place of kinds.")
    private boolean entropy;

    @Option(
        names = "--png",
        paramLabel = "FILE",
        description = "Also writes a picture, a pixel for each page: kinds left, entropy right.")
    private @Nullable Path png;

    @Override
    public int run(Io io) throws HypervisorException {
      Vm vm = Guests.find(hypervisor, name);
      PageMap map = PageMap.of(vm);
      PageMapText text = new PageMapText(map, io.colours());
      io.out()
          .println(
              "%s, %s, ASID %d: a letter is %s"
                  .formatted(
                      vm.config().name(),
                      Sizes.text(vm.config().memoryBytes()),
                      vm.asid(),
                      Sizes.text(text.pagesPerCell() * 4096L)));
      io.out().print(entropy ? text.entropies() : text.kinds());
      io.out().print(text.legend());
      if (png != null) {
        Path file = io.session().currentDir().resolve(png);
        try {
          Files.write(file, PageMapImage.png(map));
        } catch (IOException e) {
          throw new HypervisorException("File %s cannot be written".formatted(file), e);
        }
      }
      return 0;
    }
  }
}
