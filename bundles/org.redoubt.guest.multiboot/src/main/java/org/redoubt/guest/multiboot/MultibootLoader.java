package org.redoubt.guest.multiboot;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.guest.GuestLoader;
import org.redoubt.api.guest.LaunchPlan;
import org.redoubt.api.guest.LaunchRequest;
import org.redoubt.linux.boot.ElfImage;
import org.redoubt.linux.boot.LinuxBootException;
import org.redoubt.linux.boot.LoadSegments;
import org.redoubt.linux.boot.Machine;
import org.redoubt.linux.boot.PcMemory;
import org.redoubt.linux.boot.Region;
import org.redoubt.spec.x86.Msr;

/**
 * Loads what follows the Multiboot Specification 0.6.96: an ELF file, or any with addresses in its
 * header. The initial RAM disk is its first module; room for a secret is its last, named {@link
 * #SECRET_NAME}.
 *
 * <p>It starts in 32-bit mode with paging off, where all memory is private in an SEV guest.
 */
@Component(property = {GuestLoader.LOADER_NAME + "=multiboot", "service.ranking:Integer=-100"})
public final class MultibootLoader implements GuestLoader {
  /** Where information, command line and secret go, unless the kernel is there. */
  static final long INFO_GPA = 0x1_0000;

  static final String INITRD_NAME = "initrd";
  static final String SECRET_NAME = "redoubt-secret";

  /** What EAX has. Section 3.2. */
  private static final long HANDED_OVER = 0x2BAD_B002L;

  /** Attributes as in a VMCB: descriptor bits 55:52 and 47:40. APM Vol. 2, Appendix B. */
  private static final int CODE_32 = 0xC9B;

  private static final int FLAT_DATA = 0xC93;
  private static final int LDT = 0x082;
  private static final int BUSY_TSS = 0x08B;

  /** Selectors mean nothing without a GDT; the kernel brings its own. */
  private static final int CODE = 0x08;

  private static final int DATA = 0x10;

  /** Protection on, paging off; ET always reads as one. */
  private static final long CR0 = 0x11;

  /** The page-attribute table after reset. APM Vol. 2, section 7.8. */
  private static final long PAT_RESET = 0x0007_0406_0007_0406L;

  /** MXCSR's place in the XSAVE area. */
  private static final int MXCSR = 24;

  @Override
  public boolean accepts(byte[] head) {
    return MultibootHeader.find(MemorySegment.ofArray(head)).isPresent();
  }

  /** What is loaded, and where it begins. */
  private record Kernel(LoadSegments segments, long entry) {}

  @Override
  public LaunchPlan plan(LaunchRequest request) throws HypervisorException {
    try {
      PcMemory memory = PcMemory.of(machine(request));
      memory.demandRoom();
      Kernel kernel = kernel(request.kernel(), memory);
      byte[] line = PcMemory.commandLine(request.commandLine(), PcMemory.CMDLINE_MOST);
      return plan(request, memory, kernel, line);
    } catch (LinuxBootException e) {
      throw new HypervisorException(
          Objects.requireNonNullElse(e.getMessage(), "The kernel cannot be loaded."), e);
    }
  }

  private static LaunchPlan plan(LaunchRequest request, PcMemory memory, Kernel kernel, byte[] line)
      throws LinuxBootException, HypervisorException {
    int secret = request.secretBytes();
    if (secret < 0 || secret > Region.PAGE_BYTES || secret % 16 != 0) {
      throw new HypervisorException(
          "A secret area of %d bytes is not a multiple of 16 up to %d."
              .formatted(secret, Region.PAGE_BYTES));
    }
    int pages = secret == 0 ? 2 : 3;
    long info = kernel.segments().gap(INFO_GPA, (long) pages * Region.PAGE_BYTES, memory);
    if (!memory.isFree(info, (long) pages * Region.PAGE_BYTES)) {
      throw new HypervisorException("The kernel leaves no memory for the Multiboot information.");
    }
    long lineGpa = info + MultibootInfo.BYTES;
    long secretGpa = lineGpa + Region.PAGE_BYTES;

    List<Region> regions = new ArrayList<>(kernel.segments().regions("kernel"));
    List<MultibootInfo.Module> modules = new ArrayList<>();
    MemorySegment initrd = request.initrd().orElse(MemorySegment.NULL);
    if (initrd.byteSize() != 0) {
      long above = Math.max(kernel.segments().end(), info + (long) pages * Region.PAGE_BYTES);
      Region disk = memory.initrd(initrd, above);
      regions.add(disk);
      modules.add(new MultibootInfo.Module(INITRD_NAME, disk.gpa(), initrd.byteSize()));
    }
    if (secret != 0) {
      regions.add(page("secret", secretGpa, new byte[Region.PAGE_BYTES]));
      modules.add(new MultibootInfo.Module(SECRET_NAME, secretGpa, secret));
    }
    regions.add(page("multiboot-info", info, MultibootInfo.page(info, memory, modules)));
    byte[] padded = new byte[Region.PAGE_BYTES];
    System.arraycopy(line, 0, padded, 0, line.length);
    regions.add(page("cmdline", lineGpa, padded));
    regions.add(memory.biosData());
    regions.add(memory.rsdpCopy());
    regions.add(memory.acpi());
    regions.sort(Comparator.comparingLong(Region::gpa));
    return new LaunchPlan(
        regions.stream().map(r -> new LaunchPlan.Region(r.name(), r.gpa(), r.bytes())).toList(),
        entry(kernel.entry(), info),
        secret == 0 ? Optional.empty() : Optional.of(new LaunchPlan.SecretArea(secretGpa, secret)));
  }

  private static Region page(String name, long gpa, byte[] bytes) {
    return new Region(name, gpa, MemorySegment.ofArray(bytes).asReadOnly());
  }

  private static Machine machine(LaunchRequest request) throws HypervisorException {
    if (request.vcpus() < 1 || request.vcpus() > Machine.MAX_VCPUS) {
      throw new HypervisorException(
          "A Multiboot guest has 1 to %d vCPUs, not %d."
              .formatted(Machine.MAX_VCPUS, request.vcpus()));
    }
    if (request.memoryBytes() <= 0 || request.memoryBytes() % Region.PAGE_BYTES != 0) {
      throw new HypervisorException(
          "Guest memory is a multiple of 4 KiB, not %d bytes.".formatted(request.memoryBytes()));
    }
    return Machine.of(request.memoryBytes(), request.vcpus());
  }

  private static Kernel kernel(MemorySegment file, PcMemory memory)
      throws HypervisorException, LinuxBootException {
    MultibootHeader header = MultibootHeader.parse(file);
    LoadSegments segments;
    long entry;
    if (header.hasAddresses()) {
      segments = LoadSegments.of(List.of(header.segment(file)), memory);
      entry = header.entry(file);
    } else {
      ElfImage elf = ElfImage.parse(file);
      segments = LoadSegments.of(elf.loads(), memory);
      entry = elf.physicalEntry().orElse(elf.entry());
    }
    if (!segments.contains(entry)) {
      throw new HypervisorException(
          "The Multiboot image's entry %xh lies outside of what is loaded.".formatted(entry));
    }
    return new Kernel(segments, entry);
  }

  /** Section 3.2; what it does not name is as after RESET. APM Vol. 2, table 14-1. */
  private static CpuState entry(long rip, long info) {
    CpuState state = new CpuState();
    state.rip = rip;
    state.gpr[0] = HANDED_OVER;
    state.gpr[3] = info;
    state.cr0 = CR0;
    for (int data : new int[] {CpuState.ES, CpuState.SS, CpuState.DS, CpuState.FS, CpuState.GS}) {
      segment(state, data, DATA, 0xFFFF_FFFFL, FLAT_DATA);
    }
    segment(state, CpuState.CS, CODE, 0xFFFF_FFFFL, CODE_32);
    segment(state, CpuState.LDTR, 0, 0xFFFF, LDT);
    segment(state, CpuState.TR, 0, 0xFFFF, BUSY_TSS);
    state.dr[6] = 0xFFFF_0FF0L;
    state.dr[7] = 0x400;
    state.msr.put(Msr.EFER, 0L);
    state.msr.put(Msr.PAT, PAT_RESET);
    state.xsave[0] = 0x7F;
    state.xsave[1] = 0x03;
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
