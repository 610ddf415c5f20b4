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
import org.redoubt.linux.boot.BootLayout;
import org.redoubt.linux.boot.EntryState;
import org.redoubt.linux.boot.LinuxBoot;
import org.redoubt.linux.boot.LinuxBootException;
import org.redoubt.linux.boot.LinuxImage;
import org.redoubt.spec.x86.Msr;

/**
 * Loads a bzImage by the 64-bit boot protocol. Only translates: what lies where is {@link
 * LinuxBoot}'s business.
 */
@Component(property = GuestLoader.LOADER_NAME + "=linux")
public final class LinuxLoader implements GuestLoader {
  private static final int MAGIC = 0x202;
  private static final byte[] HDRS = {'H', 'd', 'r', 'S'};

  private static final long TSS_LIMIT = 0xFFFF;

  @Override
  public boolean accepts(byte[] head) {
    for (int i = 0; i < HDRS.length; i++) {
      if (head.length <= MAGIC + i || head[MAGIC + i] != HDRS[i]) {
        return false;
      }
    }
    return true;
  }

  @Override
  public LaunchPlan plan(LaunchRequest request) throws HypervisorException {
    try {
      BootLayout layout =
          LinuxBoot.layout(
              LinuxImage.parse(request.kernel()),
              request.initrd().orElse(MemorySegment.NULL),
              request.commandLine(),
              Requests.machine(request),
              request.secretBytes());
      List<LaunchPlan.Region> regions = layout.regions().stream().map(Requests::region).toList();
      Optional<LaunchPlan.SecretArea> secret =
          layout.secretSlot().map(slot -> new LaunchPlan.SecretArea(slot.gpa(), slot.length()));
      return new LaunchPlan(regions, cpuState(layout.entry()), secret);
    } catch (LinuxBootException e) {
      throw Requests.refusal(e);
    }
  }

  /** The boot protocol's registers; the rest as after RESET. APM Vol. 2, table 14-1. */
  private static CpuState cpuState(EntryState entry) {
    CpuState state =
        EntryStates.flat(
            entry.codeSelector(), EntryStates.CODE_64, entry.dataSelector(), TSS_LIMIT);
    state.rip = entry.rip();
    state.rflags = entry.rflags();
    state.gpr[6] = entry.rsi();
    state.cr0 = entry.cr0();
    state.cr3 = entry.cr3();
    state.cr4 = entry.cr4();
    state.gdtBase = entry.gdtBase();
    state.gdtLimit = entry.gdtLimit();
    state.msr.put(Msr.EFER, entry.efer());
    return state;
  }
}
