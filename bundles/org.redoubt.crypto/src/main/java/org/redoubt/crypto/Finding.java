package org.redoubt.crypto;

import org.redoubt.spec.sev.FirmwareStatus;

/**
 * Why something was refused: which check, on which field, what was expected and what was found.
 *
 * @param status what the firmware answers for it
 * @param field the manual's name of the field, with the structure in front, such as {@code
 *     PDH.CURVE}
 * @param expected what the check wants
 * @param found what is there
 */
public record Finding(FirmwareStatus status, String field, String expected, String found) {
  /** One line for a person. */
  @Override
  public String toString() {
    return "%s: expected %s, found %s".formatted(field, expected, found);
  }
}
