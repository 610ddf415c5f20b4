package org.redoubt.hypervisor.internal;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.redoubt.api.HypervisorException;

/** The one kind of machine there is: a PC with PCI, as ACPI describes it to the guest. */
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
          "kvm-face",
          "pci-host",
          "virtio-rng");

  /** What is there when it has options: device {@code disk0} when there is {@code disk0.file}. */
  private static final Map<String, String> BY_OPTION =
      Map.of(
          "disk", "virtio-blk",
          "net", "virtio-net",
          "console", "virtio-console",
          "balloon", "virtio-balloon");

  private static final Pattern OPTION = Pattern.compile("([a-z]+)([0-9]{1,2})\\..*");

  /**
   * A device of a machine.
   *
   * @param name in this machine: what its options begin with
   * @param factory the kind of device
   */
  record Slot(String name, String factory) {}

  private StandardMachine() {}

  /**
   * The devices that a VM's options ask for, in the order of their numbers.
   *
   * @throws HypervisorException if numbers are left out
   */
  static List<Slot> byOption(Map<String, String> options) throws HypervisorException {
    TreeMap<String, TreeMap<Integer, Slot>> found = new TreeMap<>();
    for (String key : options.keySet()) {
      Matcher matcher = OPTION.matcher(key);
      String factory = matcher.matches() ? BY_OPTION.get(matcher.group(1)) : null;
      if (factory != null) {
        int number = Integer.parseInt(matcher.group(2));
        String name = matcher.group(1) + number;
        found
            .computeIfAbsent(matcher.group(1), kind -> new TreeMap<>())
            .put(number, new Slot(name, factory));
      }
    }
    List<Slot> slots = new ArrayList<>();
    for (TreeMap<Integer, Slot> kind : found.values()) {
      Optional<Slot> last = Optional.of(kind.lastEntry().getValue());
      if (kind.lastKey() != kind.size() - 1) {
        throw new HypervisorException(
            "There is a device %s, but not all before it: they are numbered from 0"
                .formatted(last.get().name()));
      }
      slots.addAll(kind.values());
    }
    return slots;
  }
}
