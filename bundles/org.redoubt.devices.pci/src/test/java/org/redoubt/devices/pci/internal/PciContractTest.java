package org.redoubt.devices.pci.internal;

import org.redoubt.api.device.DeviceFactory;
import org.redoubt.testkit.device.DeviceContract;

final class PciContractTest extends DeviceContract {
  @Override
  protected DeviceFactory factory() {
    return new PciHost.Factory();
  }
}
