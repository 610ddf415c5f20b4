package org.redoubt.api.policy;

/**
 * What a firmware command answered.
 *
 * @param at when it was taken, milliseconds since 1970-01-01 UTC
 * @param status the status, 0 for success, as the ABI returns it
 * @param statusName the status's name
 * @param reason why it was refused: one sentence, which names the policy if one did; empty for
 *     success
 */
public record PolicyOutcome(long at, int status, String statusName, String reason) {}
