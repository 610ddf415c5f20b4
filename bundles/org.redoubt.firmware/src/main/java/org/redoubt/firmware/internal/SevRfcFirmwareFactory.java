package org.redoubt.firmware.internal;

import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.firmware.SecureProcessor;
import org.redoubt.api.firmware.SecureProcessorConfig;
import org.redoubt.api.firmware.SecureProcessorFactory;

/**
 * The firmware {@code sev-rfc}: the mailbox numbers, registers and structures of the first posting
 * for Linux, over the same command classes; by name only.
 */
@Component(
    property = {SecureProcessorFactory.FIRMWARE_NAME + "=sev-rfc", "service.ranking:Integer=-1000"})
public final class SevRfcFirmwareFactory implements SecureProcessorFactory {
  @Override
  public SecureProcessor create(SecureProcessorConfig config) throws HypervisorException {
    return SevFirmwareFactory.create(config, Profile.RFC);
  }
}
