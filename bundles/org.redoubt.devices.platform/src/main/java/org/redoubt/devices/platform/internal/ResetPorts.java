package org.redoubt.devices.platform.internal;

import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.Device;
import org.redoubt.api.device.DeviceContext;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.api.device.MachineControl;
import org.redoubt.api.device.PortHandler;
import org.redoubt.struct.SavedState;

/**
 * The ports by which a PC is reset, and no more of the devices they belong to.
 *
 * <pre>
 *   CF9h  rw  reset control: bit 1 hard, 2 reset now; the FADT's reset register
 *   92h   rw  system control A: bit 0 reset now, 1 A20 (always on)
 *   64h   w   keyboard controller: FEh resets; r: 0, nothing to read, ready to be written
 *   60h   r   0
 * </pre>
 */
final class ResetPorts implements Device, PortHandler {
  private static final int RESET_CONTROL = 0xCF9;
  private static final int SYSTEM_CONTROL_A = 0x92;
  private static final int KEYBOARD_DATA = 0x60;
  private static final int KEYBOARD_COMMAND = 0x64;
  private static final int PULSE_RESET = 0xFE;
  private static final int KIND = 0x5253_5450;
  private static final int VERSION = 1;

  private final String name;
  private final MachineControl control;
  private int resetControl;

  ResetPorts(DeviceContext context) throws HypervisorException {
    name = context.name();
    control = context.control();
    context.claimPorts(RESET_CONTROL, 1, this);
    context.claimPorts(SYSTEM_CONTROL_A, 1, this);
    context.claimPorts(KEYBOARD_DATA, 1, this);
    context.claimPorts(KEYBOARD_COMMAND, 1, this);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public void reset() {
    resetControl = 0;
  }

  @Override
  public int in(int port, int bytes) {
    int value =
        switch (port) {
          case RESET_CONTROL -> resetControl;
          case SYSTEM_CONTROL_A -> 2;
          default -> 0;
        };
    return value | Options.onesAbove(bytes);
  }

  @Override
  public void out(int port, int bytes, int value) {
    switch (port) {
      case RESET_CONTROL -> {
        resetControl = value & 2;
        if ((value & 4) != 0) {
          control.reset("reset control register");
        }
      }
      case SYSTEM_CONTROL_A -> {
        if ((value & 1) != 0) {
          control.reset("system control port A");
        }
      }
      case KEYBOARD_COMMAND -> {
        if ((value & 0xFF) == PULSE_RESET) {
          control.reset("keyboard controller");
        }
      }
      default -> {} // there is no keyboard
    }
  }

  @Override
  public byte[] save() {
    return SavedState.write(KIND, VERSION, resetControl);
  }

  @Override
  public void restore(byte[] state) {
    resetControl = (int) SavedState.read(state, KIND, VERSION, 1)[0] & 2;
  }

  @Override
  public void close() {}

  /** Makes it. */
  @Component(property = DeviceFactory.DEVICE_NAME + "=reset-ports")
  public static final class Factory implements DeviceFactory {
    @Override
    public Device create(DeviceContext context) throws HypervisorException {
      return new ResetPorts(context);
    }
  }
}
