package org.redoubt.shell.internal.memory;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.memory.PageTag;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.Vm;
import org.redoubt.shell.internal.ShellCommand;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code mem:dump}: of a VM by guest-physical address, or of a memory system by its own. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=mem", "osgi.command.function=dump"})
public final class MemDump extends ShellCommand {
  private final Memories memories;
  private final Hypervisor hypervisor;

  /** Made by SCR. */
  @Activate
  public MemDump(@Reference Memories memories, @Reference Hypervisor hypervisor) {
    this.memories = memories;
    this.hypervisor = hypervisor;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Override
  protected List<String> suggestions(CommandSession session, List<String> words) {
    return words.contains("--memory")
        ? memories.names()
        : hypervisor.vms().stream().map(vm -> vm.config().name()).toList();
  }

  @Command(
      name = "mem:dump",
      description =
          "Shows memory as hex digits and text, as the guest and the host have it, side by side.")
  private final class Arguments implements Invocation {
    @Parameters(
        index = "0",
        paramLabel = "ADDRESS",
        converter = Numbers.Converter.class,
        description = "Guest-physical with a VM, else system-physical.")
    private long address;

    @Parameters(
        index = "1",
        arity = "0..1",
        paramLabel = "LENGTH",
        converter = Numbers.Converter.class,
        description = "How many bytes. Default: 64.")
    private long length = 64;

    @Option(
        names = "--vm",
        paramLabel = "NAME",
        description = "The VM; may be left out where its memory is the only one.")
    private @Nullable String vm;

    @Option(
        names = "--lab",
        description = "Ignores the guest's debug policy; said each time, recorded in the VM.")
    private boolean lab;

    @Mixin private Access access = new Access();

    @Override
    public int run(Io io) throws HypervisorException {
      Access.checkLength(length);
      if (vm != null || isGuests()) {
        dumpGuest(io, Guests.find(hypervisor, vm));
      } else if (access.view == Access.Viewer.both) {
        byte[] guest = access.readAs(memories, Access.Viewer.guest, address, length);
        byte[] host = access.readAs(memories, Access.Viewer.host, address, length);
        io.out().print(HexDump.pair(address, guest, host));
      } else {
        io.out().print(HexDump.single(address, access.read(memories, address, length)));
      }
      return 0;
    }

    /** Whether the memory meant is a VM's, and its own addresses are not asked for. */
    private boolean isGuests() throws HypervisorException {
      return access.memory.name == null
          && !hypervisor.vms().isEmpty()
          && memories.all().stream().noneMatch(memories::isOurs);
    }

    private void dumpGuest(Io io, Vm guest) throws HypervisorException {
      Access.Viewer view = access.view == null ? Access.Viewer.both : access.view;
      byte[] asGuest = new byte[(int) length];
      byte[] asHost = new byte[(int) length];
      if (view != Access.Viewer.host) {
        guest.readGuest(address, MemorySegment.ofArray(asGuest), lab);
        if (lab || guest.config().lab()) {
          io.out().println("--lab: the guest's debug policy is ignored.");
        }
      }
      if (view != Access.Viewer.guest) {
        readHost(guest, asHost);
      }
      io.out()
          .print(
              switch (view) {
                case guest -> HexDump.single(address, asGuest);
                case host -> HexDump.single(address, asHost);
                case both -> HexDump.pair(address, asGuest, asHost);
              });
    }

    private void readHost(Vm guest, byte[] bytes) throws HypervisorException {
      MemorySegment target = MemorySegment.ofArray(bytes);
      for (long done = 0; done < bytes.length; ) {
        long gpa = address + done;
        long run = Math.min(4096 - (gpa & 4095), bytes.length - done);
        long spa =
            guest
                .spa(gpa)
                .orElseThrow(() ->
                    new HypervisorException(
                        "Address 0x%x is not RAM of VM '%s'"
                            .formatted(gpa, guest.config().name())));
        guest.memory().view(PageTag.SHARED).read(spa, target.asSlice(done, run));
        done += run;
      }
    }
  }
}
