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
 * A port that ends the run with a code, for tests.
 *
 * <pre>
 *   F4h  w  bits 7:0 exit code, as it is (QEMU's isa-debug-exit at the same port doubles it and adds one)
 * </pre>
 *
 * Option: {@code port} (F4h).
 */
final class DebugExit implements Device, PortHandler {
  private static final int KIND = 0x4458_4954;
  private static final int VERSION = 1;

  private final String name;
  private final MachineControl control;

  DebugExit(DeviceContext context) throws HypervisorException {
    name = context.name();
    control = context.control();
    context.claimPorts(Options.number(context, "port", 0xF4), 1, this);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public void reset() {}

  @Override
  public int in(int port, int bytes) {
    return -1 >>> 32 - 8 * bytes;
  }

  @Override
  public void out(int port, int bytes, int value) {
    control.exit(value & 0xFF);
  }

  @Override
  public byte[] save() {
    return SavedState.write(KIND, VERSION);
  }

  @Override
  public void restore(byte[] state) {
    SavedState.read(state, KIND, VERSION, 0);
  }

  @Override
  public void close() {}

  /** Makes it. */
  @Component(property = DeviceFactory.DEVICE_NAME + "=debug-exit")
  public static final class Factory implements DeviceFactory {
    @Override
    public Device create(DeviceContext context) throws HypervisorException {
      return new DebugExit(context);
    }
  }
}
