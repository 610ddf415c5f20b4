package org.redoubt.hypervisor.internal;

import java.util.List;
import java.util.Optional;
import org.redoubt.api.cpu.CpuState;

/** What people get to read when a guest died: cause, registers, instruction bytes, last exits. */
final class CrashReport {
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
    text.append(state);
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
}
