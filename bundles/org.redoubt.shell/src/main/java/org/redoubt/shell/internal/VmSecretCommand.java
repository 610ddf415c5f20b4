package org.redoubt.shell.internal;

import java.nio.file.Path;
import java.util.Objects;
import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.Vm;
import org.redoubt.shell.internal.memory.Numbers;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code vm:secret}: brings an owner's packet into a VM that was measured. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=vm", "osgi.command.function=secret"})
public final class VmSecretCommand extends VmCommand {
  /** Made by SCR. */
  @Activate
  public VmSecretCommand(@Reference Hypervisor hypervisor) {
    super(hypervisor);
  }

  @Override
  protected Invocation invocation() {
    return new Arguments(hypervisor);
  }

  @Command(
      name = "vm:secret",
      description = "Brings an owner's secret packet into a VM that is not yet started.")
  private static final class Arguments extends Named {
    @Parameters(index = "1", paramLabel = "HEADER", description = "The packet's header.")
    private @Nullable Path header;

    @Parameters(index = "2", paramLabel = "PAYLOAD", description = "Its ciphertext.")
    private @Nullable Path payload;

    @Option(
        names = "--gpa",
        paramLabel = "ADDRESS",
        converter = Numbers.Converter.class,
        description = "Where it goes (default: the beginning of the guest's secret area).")
    private @Nullable Long gpa;

    Arguments(Hypervisor hypervisor) {
      super(hypervisor);
    }

    @Override
    public int run(Io io) throws Exception {
      Vm vm = vm();
      OwnersPacket packet =
          new OwnersPacket(Objects.requireNonNull(header), Objects.requireNonNull(payload));
      Long asked = gpa;
      if (asked == null) {
        packet.deliver(vm, io.out());
      } else {
        packet.deliver(Launches.of(vm), asked, io.out());
      }
      return 0;
    }
  }
}
