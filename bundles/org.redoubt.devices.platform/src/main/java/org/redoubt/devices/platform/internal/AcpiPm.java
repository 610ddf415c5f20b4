package org.redoubt.devices.platform.internal;

import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.Device;
import org.redoubt.api.device.DeviceContext;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.api.device.IrqLine;
import org.redoubt.api.device.MachineControl;
import org.redoubt.api.device.PortHandler;
import org.redoubt.api.device.VirtualClock;
import org.redoubt.struct.SavedState;

/**
 * ACPI's fixed power-management registers, where the FADT says they are. ACPI 6.5, section 4.8.3.
 *
 * <pre>
 *   600h  PM1_STS   2  rw1c  bit 0 timer, 5 global, 8 power button, 10 RTC, 15 wake
 *   602h  PM1_EN    2  rw    the same bits
 *   604h  PM1_CNT   2  rw    bit 0 SCI_EN, always 1 here; 12:10 SLP_TYP; 13 SLP_EN (w)
 *   608h  PM_TMR    4  r     3.579545 MHz, 32 bits
 * </pre>
 *
 * SLP_TYP 0 with SLP_EN is S5, power off, as the DSDT says. The SCI is GSI 9, level.
 */
final class AcpiPm implements Device, PortHandler {
  private static final int BASE = 0x600;
  private static final int PORTS = 0xC;
  private static final int SCI_GSI = 9;
  private static final int S5_SLEEP_TYPE = 0;
  private static final int EVENTS = 0x0521;
  private static final int TIMER_EVENT = 1;
  private static final int SCI_EN = 1;
  private static final int SLP_TYP = 7 << 10;
  private static final int SLP_EN = 1 << 13;
  private static final long TIMER_HZ = 3_579_545;
  private static final long NS = 1_000_000_000;
  private static final int KIND = 0x4143_5049;
  private static final int VERSION = 1;

  private final String name;
  private final VirtualClock clock;
  private final IrqLine sci;
  private final MachineControl control;
  private final VirtualClock.Timer timer;
  private int status;
  private int enable;
  private int pm1Control;

  AcpiPm(DeviceContext context) throws HypervisorException {
    name = context.name();
    clock = context.clock();
    sci = context.irq(SCI_GSI);
    control = context.control();
    timer = clock.timer(name, this::timerTurned);
    context.claimPorts(BASE, PORTS, this);
    reset();
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public void reset() {
    status = 0;
    enable = 0;
    pm1Control = SCI_EN;
    timer.cancel();
    sci.set(false);
  }

  /** The block as bytes, so that every width and alignment works. */
  @Override
  public int in(int port, int bytes) {
    long block = (long) enable << 16 | status;
    long rest = (long) pm1Control;
    int value = 0;
    int count = count();
    for (int i = 0; i < bytes; i++) {
      int at = port + i - BASE;
      long b =
          at < 4
              ? block >> 8 * at
              : at < 8 ? rest >> 8 * (at - 4) : at < PORTS ? count >> 8 * (at - 8) : 0xFF;
      value |= (int) (b & 0xFF) << 8 * i;
    }
    return value;
  }

  private int count() {
    long ns = clock.nowNs();
    return (int) (ns / NS * TIMER_HZ + ns % NS * TIMER_HZ / NS);
  }

  @Override
  public void out(int port, int bytes, int value) {
    for (int i = 0; i < bytes; i++) {
      writeByte(port + i - BASE, value >> 8 * i & 0xFF);
    }
    armTimer();
    sci.set((status & enable & EVENTS) != 0);
  }

  private void writeByte(int at, int value) {
    int shift = 8 * (at & 1);
    int keep = 0xFF00 >> shift;
    switch (at) {
      case 0, 1 -> status &= ~(value << shift);
      case 2, 3 -> enable = (enable & keep | value << shift) & EVENTS;
      case 4, 5 -> writeControl(pm1Control & keep | value << shift);
      default -> {} // the timer is for reading
    }
  }

  private void writeControl(int value) {
    pm1Control = value & (SLP_TYP | 6) | SCI_EN;
    if ((value & SLP_EN) != 0 && (value & SLP_TYP) >> 10 == S5_SLEEP_TYPE) {
      control.powerOff();
    }
  }

  /** TMR_STS is set each time the timer's highest bit changes. */
  private void armTimer() {
    if ((enable & TIMER_EVENT) == 0) {
      timer.cancel();
      return;
    }
    long left = (1L << 31) - (count() & 0x7FFF_FFFFL);
    timer.arm(clock.nowNs() + Math.ceilDiv(left * NS, TIMER_HZ));
  }

  private void timerTurned() {
    status |= TIMER_EVENT;
    sci.set((status & enable & EVENTS) != 0);
    armTimer();
  }

  @Override
  public byte[] save() {
    return SavedState.write(KIND, VERSION, status, enable, pm1Control);
  }

  @Override
  public void restore(byte[] state) {
    long[] values = SavedState.read(state, KIND, VERSION, 3);
    status = (int) values[0] & 0xFFFF;
    enable = (int) values[1] & EVENTS;
    pm1Control = (int) values[2] & (SLP_TYP | 6) | SCI_EN;
    armTimer();
    sci.set((status & enable & EVENTS) != 0);
  }

  @Override
  public void close() {
    timer.cancel();
  }

  /** Makes it. */
  @Component(property = DeviceFactory.DEVICE_NAME + "=acpi-pm")
  public static final class Factory implements DeviceFactory {
    @Override
    public Device create(DeviceContext context) throws HypervisorException {
      return new AcpiPm(context);
    }
  }
}
