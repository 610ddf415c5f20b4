package org.redoubt.guest.linux;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.guest.GuestLoader;
import org.redoubt.api.guest.LaunchPlan;
import org.redoubt.api.guest.LaunchRequest;
import org.redoubt.linux.boot.ElfImage;
import org.redoubt.linux.boot.LinuxBootException;
import org.redoubt.linux.boot.PvhBoot;

/**
 * Loads an ELF kernel (a {@code vmlinux}) by its PVH entry: 32-bit, paging off. Xen,
 * docs/misc/pvh.pandoc. Ranked last, as it takes any ELF file, if only to say what is wrong with
 * it.
 */
@Component(property = {GuestLoader.LOADER_NAME + "=pvh", "service.ranking:Integer=-200"})
public final class PvhLoader implements GuestLoader {
  /** The limit of TR that the entry demands. */
  private static final long TSS_LIMIT = 0x67;

  /** Selectors have no meaning without a GDT; the ones Linux will use. */
  private static final int CODE = 0x10;

  private static final int DATA = 0x18;

  /** Protection on; ET always reads as one. */
  private static final long CR0 = 0x11;

  @Override
  public boolean accepts(byte[] head) {
    return ElfImage.isElf(head);
  }

  @Override
  public LaunchPlan plan(LaunchRequest request) throws HypervisorException {
    try {
      ElfImage kernel = ElfImage.parse(request.kernel());
      if (request.cBit() != 0) {
        throw new HypervisorException(
            "An ELF kernel cannot start as an SEV guest, its PVH entry sets no C-bit; give the"
                + " bzImage (vmlinuz), or --protection none.");
      }
      PvhBoot boot =
          PvhBoot.layout(
              kernel,
              request.initrd().orElse(MemorySegment.NULL),
              request.commandLine(),
              Requests.machine(request));
      List<LaunchPlan.Region> regions = boot.regions().stream().map(Requests::region).toList();
      CpuState entry = EntryStates.flat(CODE, EntryStates.CODE_32, DATA, TSS_LIMIT);
      entry.cr0 = CR0;
      entry.rip = boot.entry();
      entry.gpr[3] = boot.startInfo();
      return new LaunchPlan(regions, entry, Optional.empty());
    } catch (LinuxBootException e) {
      throw Requests.refusal(e);
    }
  }
}
