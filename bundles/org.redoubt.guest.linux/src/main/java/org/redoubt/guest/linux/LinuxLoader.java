package org.redoubt.guest.linux;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;
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
import org.redoubt.linux.boot.Machine;
import org.redoubt.linux.boot.Region;
import org.redoubt.spec.x86.Msr;

/**
 * Loads a bzImage by the 64-bit boot protocol. Only translates: what lies where is {@link
 * LinuxBoot}'s business.
 */
@Component(property = GuestLoader.LOADER_NAME + "=linux")
public final class LinuxLoader implements GuestLoader {
  private static final int MAGIC = 0x202;
  private static final byte[] HDRS = {'H', 'd', 'r', 'S'};

  /** Attributes as in a VMCB: descriptor bits 55:52 and 47:40. APM Vol. 2, Appendix B. */
  private static final int CODE_64 = 0xA9B;

  private static final int FLAT_DATA = 0xC93;
  private static final int LDT = 0x082;
  private static final int BUSY_TSS = 0x08B;

  /** The page-attribute table after reset. APM Vol. 2, section 7.8. */
  private static final long PAT_RESET = 0x0007_0406_0007_0406L;

  /** Offsets in the XSAVE area; 037Fh and 1F80h are what FNINIT and RESET leave there. */
  private static final int FCW = 0;

  private static final int MXCSR = 24;

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
              machine(request),
              request.secretBytes());
      List<LaunchPlan.Region> regions = layout.regions().stream().map(LinuxLoader::region).toList();
      Optional<LaunchPlan.SecretArea> secret =
          layout.secretSlot().map(slot -> new LaunchPlan.SecretArea(slot.gpa(), slot.length()));
      return new LaunchPlan(regions, cpuState(layout.entry()), secret);
    } catch (LinuxBootException e) {
      throw new HypervisorException(
          Objects.requireNonNullElse(e.getMessage(), "The kernel cannot be loaded."), e);
    }
  }

  private static Machine machine(LaunchRequest request) throws HypervisorException {
    if (request.vcpus() < 1 || request.vcpus() > Machine.MAX_VCPUS) {
      throw new HypervisorException(
          "A Linux guest has 1 to %d vCPUs, not %d.".formatted(Machine.MAX_VCPUS, request.vcpus()));
    }
    if (request.memoryBytes() <= 0 || request.memoryBytes() % Region.PAGE_BYTES != 0) {
      throw new HypervisorException(
          "Guest memory is a multiple of 4 KiB, not %d bytes.".formatted(request.memoryBytes()));
    }
    int cBit = request.cBit() == 0 ? Machine.NOT_ENCRYPTED : request.cBit();
    return Machine.of(request.memoryBytes(), request.vcpus()).withEncryptionBit(cBit);
  }

  private static LaunchPlan.Region region(Region region) {
    return new LaunchPlan.Region(region.name(), region.gpa(), region.bytes());
  }

  /** The boot protocol's registers; the rest as after RESET. APM Vol. 2, table 14-1. */
  private static CpuState cpuState(EntryState entry) {
    CpuState state = new CpuState();
    state.rip = entry.rip();
    state.rflags = entry.rflags();
    state.gpr[6] = entry.rsi();
    state.cr0 = entry.cr0();
    state.cr3 = entry.cr3();
    state.cr4 = entry.cr4();
    state.gdtBase = entry.gdtBase();
    state.gdtLimit = entry.gdtLimit();
    for (int data : new int[] {CpuState.ES, CpuState.SS, CpuState.DS, CpuState.FS, CpuState.GS}) {
      segment(state, data, entry.dataSelector(), 0xFFFF_FFFFL, FLAT_DATA);
    }
    segment(state, CpuState.CS, entry.codeSelector(), 0xFFFF_FFFFL, CODE_64);
    segment(state, CpuState.LDTR, 0, 0xFFFF, LDT);
    segment(state, CpuState.TR, 0, 0xFFFF, BUSY_TSS);
    state.dr[6] = 0xFFFF_0FF0L;
    state.dr[7] = 0x400;
    state.msr.put(Msr.EFER, entry.efer());
    state.msr.put(Msr.PAT, PAT_RESET);
    state.xsave[FCW] = 0x7F;
    state.xsave[FCW + 1] = 0x03;
    state.xsave[MXCSR] = (byte) 0x80;
    state.xsave[MXCSR + 1] = 0x1F;
    return state;
  }

  private static void segment(CpuState state, int which, int selector, long limit, int attributes) {
    state.selector[which] = selector;
    state.limit[which] = limit;
    state.attributes[which] = attributes;
  }
}
