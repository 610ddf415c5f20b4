package org.redoubt.api.firmware;

import java.util.List;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.PlatformState;

/**
 * A secure processor at one moment, for people and tests; hosts ask PLATFORM_STATUS and
 * GUEST_STATUS.
 *
 * @param apiMajor version of its API
 * @param apiMinor version of its API
 * @param build build of that version
 * @param state where the platform stands
 * @param owned whether it has an owner other than itself
 * @param encryptedState whether SEV-ES is initialized
 * @param guests its guests, by handle
 */
public record PlatformInfo(
    int apiMajor,
    int apiMinor,
    int build,
    PlatformState state,
    boolean owned,
    boolean encryptedState,
    List<Guest> guests) {
  /** Copies the list. */
  public PlatformInfo {
    guests = List.copyOf(guests);
  }

  /**
   * A guest.
   *
   * @param handle the number the host knows it by
   * @param policy its policy
   * @param asid its ASID, 0 for none
   * @param state where it stands
   */
  public record Guest(int handle, GuestPolicy policy, int asid, GuestState state) {}
}
