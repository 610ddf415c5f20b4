package org.redoubt.hypervisor.internal;

import java.util.List;
import java.util.Optional;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.spec.x86.Msr;

/** What people get to read when a guest died: cause, registers, instruction bytes, last exits. */
final class CrashReport {
  private static final String[] GPRS = {
    "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", "R8 ", "R9 ", "R10", "R11", "R12",
    "R13", "R14", "R15"
  };
  private static final String[] SEGMENTS = {"ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"};

  private CrashReport() {}

  /**
   * Writes it.
   *
   * @param cause one sentence
   * @param code bytes at CS:RIP, or why there are none
   * @param trace last exits and accesses, oldest first
   */
  static String of(
      String cause, int vcpu, CpuState state, Optional<byte[]> code, List<String> trace) {
    StringBuilder text = new StringBuilder(2000);
    text.append("The guest crashed on vCPU %d: %s%n".formatted(vcpu, cause));
    text.append(registers(state));
    text.append("code  ");
    if (code.isEmpty()) {
      text.append("cannot be read");
    } else {
      for (byte b : code.get()) {
        text.append(" %02x".formatted(b));
      }
    }
    text.append("%nlast exits and accesses:%n".formatted());
    trace.forEach(line -> text.append("  ").append(line).append(System.lineSeparator()));
    return text.toString();
  }

  /** The registers, a block of lines. */
  static String registers(CpuState state) {
    StringBuilder text = new StringBuilder(1500);
    for (int i = 0; i < 16; i++) {
      String after = i % 4 == 3 ? System.lineSeparator() : "  ";
      text.append("%s %016x%s".formatted(GPRS[i], state.gpr[i], after));
    }
    text.append(
        "RIP %016x  RFLAGS %08x%s%n"
            .formatted(state.rip, state.rflags, state.halted ? "  halted" : ""));
    for (int i = 0; i < 8; i++) {
      text.append(
          "%-4s %04x base %016x limit %08x attr %03x%n"
              .formatted(
                  SEGMENTS[i],
                  state.selector[i],
                  state.base[i],
                  state.limit[i],
                  state.attributes[i]));
    }
    text.append(
        "GDT  %016x %04x   IDT %016x %04x%n"
            .formatted(state.gdtBase, state.gdtLimit, state.idtBase, state.idtLimit));
    text.append(
        "CR0 %016x CR2 %016x CR3 %016x CR4 %016x CR8 %x%n"
            .formatted(state.cr0, state.cr2, state.cr3, state.cr4, state.cr8));
    text.append(
        "EFER %x  DR6 %x  DR7 %x%n"
            .formatted(state.msr.getOrDefault(Msr.EFER, 0L), state.dr[6], state.dr[7]));
    return text.toString();
  }
}
