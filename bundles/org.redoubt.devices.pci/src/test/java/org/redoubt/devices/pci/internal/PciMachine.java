package org.redoubt.devices.pci.internal;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.IntConsumer;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.CharInput;
import org.redoubt.api.device.CharOutput;
import org.redoubt.api.device.DeviceContext;
import org.redoubt.api.device.Dma;
import org.redoubt.api.device.InterruptBus;
import org.redoubt.api.device.IrqLine;
import org.redoubt.api.device.MachineControl;
import org.redoubt.api.device.MmioHandler;
import org.redoubt.api.device.PortHandler;
import org.redoubt.api.device.VirtualClock;

/** A machine with nothing but a PCI bus; notes interrupts. */
final class PciMachine implements DeviceContext, InterruptBus {
  final List<String> messages = new ArrayList<>();
  final Map<Integer, Boolean> lines = new HashMap<>();
  private final TreeMap<Long, MmioHandler> mmio = new TreeMap<>();

  PciHost host() {
    try {
      return new PciHost(this);
    } catch (HypervisorException e) {
      throw new AssertionError(e);
    }
  }

  long read(long gpa, int bytes) {
    Map.Entry<Long, MmioHandler> range = mmio.floorEntry(gpa);
    return range.getValue().read(gpa - range.getKey(), bytes);
  }

  void write(long gpa, int bytes, long value) {
    Map.Entry<Long, MmioHandler> range = mmio.floorEntry(gpa);
    range.getValue().write(gpa - range.getKey(), bytes, value);
  }

  @Override
  public void send(int destination, boolean logical, int deliveryMode, int vector, boolean level) {
    messages.add("%d %b %d %x %b".formatted(destination, logical, deliveryMode, vector, level));
  }

  @Override
  public void onEndOfInterrupt(IntConsumer listener) {}

  @Override
  public String name() {
    return "pci";
  }

  @Override
  public void claimPorts(int first, int count, PortHandler handler) {}

  @Override
  public void claimMmio(long gpa, long bytes, MmioHandler handler) {
    mmio.put(gpa, handler);
  }

  @Override
  public IrqLine irq(int gsi) {
    return high -> lines.put(gsi, high);
  }

  @Override
  public VirtualClock clock() {
    throw new AssertionError("no clock");
  }

  @Override
  public Dma dma() {
    throw new AssertionError("no DMA");
  }

  @Override
  public MachineControl control() {
    throw new AssertionError("no control");
  }

  @Override
  public Optional<String> option(String key) {
    return Optional.empty();
  }

  @Override
  public CharOutput console(CharInput input) {
    throw new AssertionError("no console");
  }

  @Override
  public <T> void offer(Class<T> type, T part) {}

  @Override
  public <T> Optional<T> part(Class<T> type) {
    return type == InterruptBus.class ? Optional.of(type.cast(this)) : Optional.empty();
  }

  @Override
  public int vcpus() {
    return 1;
  }
}
