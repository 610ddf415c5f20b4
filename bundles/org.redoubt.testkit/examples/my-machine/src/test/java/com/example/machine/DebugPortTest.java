package com.example.machine;

import org.redoubt.api.device.DeviceFactory;
import org.redoubt.testkit.device.DeviceContract;

class DebugPortTest extends DeviceContract {
  @Override
  protected DeviceFactory factory() {
    return new DebugPort.Factory();
  }
}
