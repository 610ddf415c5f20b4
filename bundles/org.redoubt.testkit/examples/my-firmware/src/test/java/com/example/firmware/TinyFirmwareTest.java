package com.example.firmware;

import org.redoubt.api.firmware.SecureProcessorFactory;
import org.redoubt.testkit.firmware.SecureProcessorContract;

class TinyFirmwareTest extends SecureProcessorContract {
  @Override
  protected SecureProcessorFactory factory() {
    return new TinyFirmware();
  }
}
