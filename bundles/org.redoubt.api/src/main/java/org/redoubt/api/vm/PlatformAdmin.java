package org.redoubt.api.vm;

import org.osgi.annotation.versioning.ProviderType;
import org.redoubt.api.HypervisorException;

/**
 * What an administrator does to a host's secure processor: what Linux offers at {@code /dev/sev}.
 * Each call drives the mailbox; when the firmware refuses, the exception has status and reason.
 * Thread-safe. What needs an idle platform is refused while SEV guests run.
 */
@ProviderType
public interface PlatformAdmin {
  /**
   * PEK_CSR: the PEK's certificate without signatures, 2,084 bytes, for an owner to sign.
   *
   * @throws HypervisorException if SEV guests run, or the firmware refuses
   */
  byte[] certificateRequest() throws HypervisorException;

  /**
   * PEK_CERT_IMPORT: gives the platform an owner.
   *
   * @param pek what {@link #certificateRequest} gave, signed by the owner
   * @param oca the owner's certificate
   * @throws HypervisorException if SEV guests run, or the firmware refuses
   */
  void importOwner(byte[] pek, byte[] oca) throws HypervisorException;

  /**
   * SHUTDOWN, PLATFORM_RESET, INIT: the platform owns itself again and has new keys.
   *
   * @throws HypervisorException if SEV guests run, or the firmware refuses
   */
  void factoryReset() throws HypervisorException;

  /**
   * SHUTDOWN, DOWNLOAD_FIRMWARE, INIT: another firmware takes over. The chip forgets it when its
   * power goes off; this hypervisor loads it again into each secure processor that it makes, as a
   * driver does at every boot, until the process ends.
   *
   * @param image what the maker ships; for an emulated chip {@link
   *     org.redoubt.api.firmware.SecureProcessor#firmwareImage} makes it
   * @throws HypervisorException if SEV guests run, or the firmware refuses; the former one carries
   *     on then
   */
  void updateFirmware(byte[] image) throws HypervisorException;
}
