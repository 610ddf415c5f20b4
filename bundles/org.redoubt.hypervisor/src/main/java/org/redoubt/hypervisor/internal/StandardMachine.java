package org.redoubt.hypervisor.internal;

import java.util.List;

/** The one kind of machine there is: a PC without PCI, as ACPI describes it to the guest. */
final class StandardMachine {
  /** Its devices by name, in the order in which they are made: each finds what it needs. */
  static final List<String> DEVICES =
      List.of(
          "pic8259",
          "lapic",
          "ioapic",
          "pit8254",
          "cmos-rtc",
          "acpi-pm",
          "reset-ports",
          "uart16550",
          "debug-exit",
          "kvm-face");

  private StandardMachine() {}
}
