package org.redoubt.api.firmware;

import java.time.Instant;

/**
 * One command in the history.
 *
 * @param at when it was taken
 * @param command its id
 * @param name its name as the specification has it, or {@code UNKNOWN}
 * @param status the status it ended with, as the ABI returns it
 * @param statusName the status's name
 * @param reason why it was refused: which check, which field, expected and found; empty for success
 * @param durationNs how long it took, in nanoseconds
 */
public record CommandRecord(
    Instant at,
    int command,
    String name,
    int status,
    String statusName,
    String reason,
    long durationNs) {}
