package org.redoubt.shell.internal;

import java.util.List;
import java.util.TreeMap;
import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.cpu.CpuStats;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.Vm;
import picocli.CommandLine.Command;

/** {@code vm:stats}: what the vCPUs have done so far. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=vm", "osgi.command.function=stats"})
public final class VmStatsCommand extends VmCommand {
  /** Made by SCR. */
  @Activate
  public VmStatsCommand(@Reference Hypervisor hypervisor) {
    super(hypervisor);
  }

  @Override
  protected Invocation invocation() {
    return new Arguments(hypervisor);
  }

  @Command(
      name = "vm:stats",
      description = "Shows counters of each vCPU: speed, exits, TLB misses; and of devices.")
  private static final class Arguments extends Named {
    private static final long SAMPLE_MS = 250;

    Arguments(Hypervisor hypervisor) {
      super(hypervisor);
    }

    @Override
    public int run(Io io) throws Exception {
      Vm vm = vm();
      List<CpuStats> before = vm.stats();
      long start = System.nanoTime();
      if (vm.state() == Vm.State.RUNNING) {
        Thread.sleep(SAMPLE_MS);
      }
      List<CpuStats> now = vm.stats();
      double seconds = (System.nanoTime() - start) / 1e9;
      Table table =
          new Table(
              "vCPU",
              "instructions",
              "MIPS now",
              "blocks",
              "decoded",
              "TLB misses",
              "#PF",
              "interrupts");
      for (int i = 0; i < now.size(); i++) {
        CpuStats one = now.get(i);
        double mips = (one.instructions() - before.get(i).instructions()) / seconds / 1e6;
        table.row(
            i,
            one.instructions(),
            "%.1f".formatted(mips),
            one.blocks(),
            one.decoded(),
            one.tlbMisses(),
            one.pageFaults(),
            one.interrupts());
      }
      io.out().print(table);
      for (int i = 0; i < now.size(); i++) {
        Table exits = new Table("vCPU " + i + " exits", "count");
        new TreeMap<>(now.get(i).exits()).forEach(exits::row);
        io.out().print(exits);
      }
      if (!vm.privateTransfers().isEmpty()) {
        Table dma = new Table("Device", "transfers that met private pages: ciphertext");
        vm.privateTransfers().forEach(dma::row);
        io.out().print(dma);
      }
      if (!vm.givenBack().isEmpty()) {
        Table back = new Table("Device", "MiB that the guest did not need and the host has back");
        vm.givenBack().forEach((device, bytes) -> back.row(device, bytes >> 20));
        io.out().print(back);
      }
      return 0;
    }
  }
}
