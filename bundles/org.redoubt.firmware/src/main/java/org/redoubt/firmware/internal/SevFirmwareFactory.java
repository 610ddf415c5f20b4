package org.redoubt.firmware.internal;

import java.io.IOException;
import java.security.SecureRandom;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.firmware.SecureProcessor;
import org.redoubt.api.firmware.SecureProcessorConfig;
import org.redoubt.api.firmware.SecureProcessorFactory;
import org.redoubt.crypto.Leftovers;
import org.redoubt.firmware.internal.keys.Chip;

/** The firmware {@code sev}: the SEV API, version 1.55. */
@Component(property = SecureProcessorFactory.FIRMWARE_NAME + "=sev")
public final class SevFirmwareFactory implements SecureProcessorFactory {
  @Override
  public SecureProcessor create(SecureProcessorConfig config) throws HypervisorException {
    return create(config, Profile.SEV);
  }

  static SecureProcessor create(SecureProcessorConfig config, Profile profile)
      throws HypervisorException {
    SecureRandom random = new SecureRandom();
    try {
      return new SevSecureProcessor(
          config,
          Chip.open(config.state(), random),
          random,
          SevSecureProcessor.POLICY_LIMIT,
          profile);
    } catch (IOException e) {
      throw new HypervisorException(
          "Secure processor %s cannot use its state folder %s: %s"
              .formatted(
                  config.name(), config.state().map(Object::toString).orElse(""), e.getMessage()),
          e);
    } finally {
      Leftovers.clear(Leftovers.OF_A_COMMAND);
    }
  }
}
