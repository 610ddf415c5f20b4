package org.redoubt.api.vm;

import java.util.List;
import java.util.Optional;
import org.osgi.annotation.versioning.ProviderType;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.guest.LaunchPlan;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.command.Measurement;

/**
 * How an encrypted VM was launched. It is there once the guest has been measured; its owner may
 * then look at the measurement and send secrets, until {@link Vm#start} finishes the launch.
 * Thread-safe.
 */
@ProviderType
public interface Launch {
  /**
   * One region that was measured and encrypted, in the order in which it was.
   *
   * @param name for people, such as {@code kernel}
   * @param gpa guest-physical address
   * @param bytes length
   * @param digest SHA-256 of all regions up to and with this one: what the host says, no evidence
   */
  record Step(String name, long gpa, long bytes, byte[] digest) {}

  /** The guest's policy. */
  GuestPolicy policy();

  /** Whether an owner's session was used; without one nobody can verify the measurement. */
  boolean owned();

  /** What was measured, region by region. */
  List<Step> log();

  /**
   * The measured bytes, in order: the plan's own, read only.
   *
   * @return empty once the launch has been finished
   */
  List<LaunchPlan.Region> image();

  /** What LAUNCH_MEASURE gave out, for the owner. */
  Measurement measurement();

  /** Where the guest looks for a secret. */
  Optional<LaunchPlan.SecretArea> secretArea();

  /** How many bytes of secrets have gone in. */
  int secretBytes();

  /** Whether LAUNCH_FINISH is done: no secret goes in any more. */
  boolean finished();

  /**
   * LAUNCH_SECRET: the owner's packet goes into the guest, at the beginning of its secret area.
   *
   * @param header the packet's header
   * @param ciphertext its payload
   * @throws HypervisorException if the launch has been finished, there is no room, or the firmware
   *     refuses it: names status and reason. Nothing has changed then
   */
  void secret(byte[] header, byte[] ciphertext) throws HypervisorException;

  /**
   * As {@link #secret(byte[], byte[])}, at an address of the caller's choice.
   *
   * @param gpa within the secret area
   */
  void secret(long gpa, byte[] header, byte[] ciphertext) throws HypervisorException;
}
