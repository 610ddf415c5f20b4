package org.redoubt.devices.platform.internal;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.IntConsumer;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.Device;
import org.redoubt.api.device.DeviceContext;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.api.device.InterruptBus;
import org.redoubt.api.device.LocalApic;
import org.redoubt.api.device.LocalApics;
import org.redoubt.api.device.PicOutput;
import org.redoubt.struct.SavedState;

/**
 * The local APICs of all vCPUs and the bus between them. Registers are in {@link Lapic}. Finds the
 * PIC, if there is one, and wires its output to LINT0 of the first. Any thread.
 */
final class ApicBus implements Device, InterruptBus, LocalApics {
  private static final int KIND = 0x4C41_5043;
  private static final int VERSION = 1;
  private static final int EVERYBODY_8 = 0xFF;
  private static final int EVERYBODY_32 = -1;

  private final String name;
  private final List<Lapic> apics = new ArrayList<>();
  private final List<IntConsumer> endOfInterrupt = new CopyOnWriteArrayList<>();
  private int turn; // who is asked first for a lowest-priority interrupt; guarded by this

  ApicBus(DeviceContext context) {
    name = context.name();
    PicOutput pic = context.part(PicOutput.class).orElse(null);
    for (int id = 0; id < context.vcpus(); id++) {
      apics.add(new Lapic(id, this, context.clock(), id == 0 ? pic : null));
    }
    if (pic != null) {
      pic.onChange(apics.getFirst()::picChanged);
    }
    context.offer(InterruptBus.class, this);
    context.offer(LocalApics.class, this);
  }

  @Override
  public LocalApic of(int vcpu) {
    return apics.get(vcpu);
  }

  @Override
  public void onEndOfInterrupt(IntConsumer listener) {
    endOfInterrupt.add(listener);
  }

  void ended(int vector) {
    endOfInterrupt.forEach(listener -> listener.accept(vector));
  }

  @Override
  public void send(int destination, boolean logical, int deliveryMode, int vector, boolean level) {
    if (deliveryMode == LOWEST_PRIORITY) {
      sendToLowest(destination, logical, vector, level);
      return;
    }
    for (Lapic apic : apics) {
      if (matches(apic, destination, logical)) {
        apic.receive(deliveryMode, vector, level);
      }
    }
  }

  /** Sends to all but one. */
  void sendToOthers(Lapic sender, boolean andSender, int deliveryMode, int vector, boolean level) {
    for (Lapic apic : apics) {
      if (apic != sender || andSender) {
        apic.receive(deliveryMode, vector, level);
      }
    }
  }

  private static boolean matches(Lapic apic, int destination, boolean logical) {
    // FFh is everybody, but for the logical destinations of x2APIC mode: there it is the first half
    // of cluster 0.
    return destination == EVERYBODY_32
        || (destination == EVERYBODY_8 && !(logical && apic.inX2apicMode()))
        || (logical ? apic.matchesLogical(destination) : apic.id() == destination);
  }

  /** The one of lowest processor priority; equals take turns. */
  private void sendToLowest(int destination, boolean logical, int vector, boolean level) {
    int start;
    synchronized (this) {
      turn = (turn + 1) % apics.size();
      start = turn;
    }
    Lapic lowest = null;
    for (int i = 0; i < apics.size(); i++) {
      Lapic apic = apics.get((start + i) % apics.size());
      if (matches(apic, destination, logical)
          && apic.enabled()
          && (lowest == null || apic.priority() < lowest.priority())) {
        lowest = apic;
      }
    }
    if (lowest != null) {
      lowest.receive(FIXED, vector, level);
    }
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public void reset() {
    apics.forEach(Lapic::reset);
  }

  @Override
  public byte[] save() {
    long[] all = new long[apics.size() * Lapic.VALUES];
    for (int i = 0; i < apics.size(); i++) {
      System.arraycopy(apics.get(i).save(), 0, all, i * Lapic.VALUES, Lapic.VALUES);
    }
    return SavedState.write(KIND, VERSION, all);
  }

  @Override
  public void restore(byte[] state) {
    long[] all = SavedState.read(state, KIND, VERSION, apics.size() * Lapic.VALUES);
    for (int i = 0; i < apics.size(); i++) {
      apics
          .get(i)
          .restore(java.util.Arrays.copyOfRange(all, i * Lapic.VALUES, (i + 1) * Lapic.VALUES));
    }
  }

  @Override
  public void close() {
    apics.forEach(Lapic::close);
    endOfInterrupt.clear();
  }

  /** Makes it. */
  @Component(property = DeviceFactory.DEVICE_NAME + "=lapic")
  public static final class Factory implements DeviceFactory {
    @Override
    public Device create(DeviceContext context) throws HypervisorException {
      return new ApicBus(context);
    }
  }
}
