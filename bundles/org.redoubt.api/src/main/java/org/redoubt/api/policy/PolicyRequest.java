package org.redoubt.api.policy;

import java.util.Map;
import java.util.OptionalInt;

/**
 * A command before it is carried out.
 *
 * @param operation the command's name as the specification has it, such as {@code LAUNCH_START}, or
 *     {@code ENGINE_CHANGE}
 * @param guestHandle the guest it concerns, if one
 * @param guestPolicy the guest's policy bits, if it concerns a guest
 * @param asid the guest's ASID, if it has one
 * @param details what else the command says, by the specification's field names; numbers in
 *     hexadecimal
 */
public record PolicyRequest(
    String operation,
    OptionalInt guestHandle,
    OptionalInt guestPolicy,
    OptionalInt asid,
    Map<String, String> details) {
  /** Copies the map. */
  public PolicyRequest {
    details = Map.copyOf(details);
  }
}
