package com.example.firmware;

import java.security.SecureRandom;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.firmware.SecureProcessor;
import org.redoubt.api.firmware.SecureProcessorConfig;
import org.redoubt.api.firmware.SecureProcessorFactory;

/** A small firmware: launches SEV guests, and forgets everything when the power goes off. */
@Component(property = SecureProcessorFactory.FIRMWARE_NAME + "=tiny")
public final class TinyFirmware implements SecureProcessorFactory {
  @Override
  public SecureProcessor create(SecureProcessorConfig config) {
    return new TinyProcessor(config, new SecureRandom());
  }
}
