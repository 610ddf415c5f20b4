package org.redoubt.firmware.internal;

import org.redoubt.crypto.Finding;
import org.redoubt.spec.sev.FirmwareStatus;

/**
 * A command that is not carried out: the status for the ABI and the reason for people.
 *
 * @param status never SUCCESS
 * @param reason which check, which field, expected and found
 * @param writesBuffer whether the command buffer goes back to its caller all the same, with needed
 *     lengths in it
 */
public record Refusal(FirmwareStatus status, String reason, boolean writesBuffer)
    implements Decision {
  /** A refusal whose reason is a format with arguments. */
  public static Refusal of(FirmwareStatus status, String format, Object... arguments) {
    return new Refusal(status, format.formatted(arguments), false);
  }

  /** A refusal for what a check of {@code crypto} found. */
  public static Refusal of(Finding finding) {
    return new Refusal(finding.status(), finding.toString(), false);
  }

  /** INVALID_LEN with the needed lengths already in the command buffer. */
  public static Refusal shortBuffer(String format, Object... arguments) {
    return new Refusal(FirmwareStatus.INVALID_LEN, format.formatted(arguments), true);
  }
}
