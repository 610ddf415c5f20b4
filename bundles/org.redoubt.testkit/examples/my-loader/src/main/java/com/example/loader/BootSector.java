package com.example.loader;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.guest.GuestLoader;
import org.redoubt.api.guest.LaunchPlan;
import org.redoubt.api.guest.LaunchRequest;
import org.redoubt.spec.x86.Msr;

/**
 * Starts a boot sector as a PC's BIOS does: 512 bytes at 7C00h, in real mode. There are no BIOS
 * calls. DS:SI points to the command line, ES:DI to the disk: the initrd.
 *
 * <pre>
 *       0h  blank: interrupt vectors
 *    7000h  the sector at 7C00h, below it room for a stack
 *    8000h  room for a launch secret, if one is wanted
 *    9000h  the command line, NUL at its end
 *   10000h  the disk
 * </pre>
 */
@Component(property = GuestLoader.LOADER_NAME + "=sector")
public final class BootSector implements GuestLoader {
  private static final int PAGE = 4096;
  private static final int SECTOR = 512;
  private static final int ENTRY = 0x7C00;
  private static final int SECRET = 0x8000;
  private static final int COMMAND_LINE = 0x9000;
  private static final int DISK = 0x1_0000;
  private static final int DISK_END = 0x8_0000;

  /** Segments after reset, as a VMCB has their attributes. APM Vol. 2, table 14-1. */
  private static final int CODE_16 = 0x09B;

  private static final int DATA_16 = 0x093;
  private static final int LDT = 0x082;
  private static final int BUSY_TSS = 0x08B;

  @Override
  public boolean accepts(byte[] head) {
    return head.length == SECTOR && head[510] == 0x55 && head[511] == (byte) 0xAA;
  }

  @Override
  public LaunchPlan plan(LaunchRequest request) throws HypervisorException {
    MemorySegment sector = request.kernel();
    if (!accepts(
        sector
            .asSlice(0, Math.min(SECTOR + 1, sector.byteSize()))
            .toArray(ValueLayout.JAVA_BYTE))) {
      throw new HypervisorException(
          "A boot sector has 512 bytes, AA55h at their end; this file has %d bytes"
              .formatted(sector.byteSize()));
    }
    byte[] line = request.commandLine().getBytes(StandardCharsets.US_ASCII);
    MemorySegment disk = request.initrd().orElse(MemorySegment.NULL);
    if (request.memoryBytes() < DISK_END || disk.byteSize() > DISK_END - DISK) {
      throw new HypervisorException(
          "A boot sector needs %d KiB of memory, and a disk of at most %d bytes, not %d"
              .formatted(DISK_END >> 10, DISK_END - DISK, disk.byteSize()));
    }
    if (line.length >= PAGE || request.secretBytes() < 0 || request.secretBytes() > PAGE) {
      throw new HypervisorException(
          "A boot sector has a page for its command line, and one for a secret");
    }
    List<LaunchPlan.Region> regions = new ArrayList<>();
    regions.add(region("vectors", 0, MemorySegment.NULL, 0));
    regions.add(region("sector", 0x7000, sector, ENTRY - 0x7000));
    if (request.secretBytes() != 0) {
      regions.add(region("secret", SECRET, MemorySegment.NULL, 0));
    }
    regions.add(region("command-line", COMMAND_LINE, MemorySegment.ofArray(line), 0));
    if (disk.byteSize() != 0) {
      regions.add(region("disk", DISK, disk, 0));
    }
    return new LaunchPlan(
        regions,
        entry(),
        request.secretBytes() == 0
            ? Optional.empty()
            : Optional.of(new LaunchPlan.SecretArea(SECRET, request.secretBytes())));
  }

  /** Whole pages with something in them, the rest zero. */
  private static LaunchPlan.Region region(String name, long gpa, MemorySegment bytes, int at) {
    int pages = Math.max(1, (int) ((at + bytes.byteSize() + PAGE - 1) / PAGE));
    MemorySegment whole = MemorySegment.ofArray(new byte[pages * PAGE]);
    MemorySegment.copy(bytes, 0, whole, at, bytes.byteSize());
    return new LaunchPlan.Region(name, gpa, whole.asReadOnly());
  }

  private static CpuState entry() {
    CpuState state = new CpuState();
    state.rip = ENTRY;
    state.gpr[2] = 0x80; // DL: the first hard disk
    state.gpr[4] = ENTRY;
    state.gpr[6] = COMMAND_LINE;
    for (int i : new int[] {CpuState.ES, CpuState.SS, CpuState.DS, CpuState.FS, CpuState.GS}) {
      segment(state, i, DATA_16);
    }
    segment(state, CpuState.CS, CODE_16);
    segment(state, CpuState.LDTR, LDT);
    segment(state, CpuState.TR, BUSY_TSS);
    state.selector[CpuState.ES] = DISK >> 4;
    state.base[CpuState.ES] = DISK;
    state.idtLimit = 0x3FF;
    state.cr0 = 0x10; // ET reads as one
    state.dr[6] = 0xFFFF_0FF0L;
    state.dr[7] = 0x400;
    state.msr.put(Msr.EFER, 0L);
    state.msr.put(Msr.PAT, 0x0007_0406_0007_0406L);
    state.xsave[0] = 0x7F; // FCW 037Fh and MXCSR 1F80h, as FNINIT and RESET leave them
    state.xsave[1] = 0x03;
    state.xsave[24] = (byte) 0x80;
    state.xsave[25] = 0x1F;
    return state;
  }

  private static void segment(CpuState state, int which, int attributes) {
    state.limit[which] = 0xFFFF;
    state.attributes[which] = attributes;
  }
}
