/**
 * One class per command of the SEV API. Each header lists the statuses in the order in which they
 * are checked, after those of {@link org.redoubt.firmware.internal.Dispatcher}; the file {@code
 * statuses.tsv} of the tests has every row with its source.
 */
@org.jspecify.annotations.NullMarked
package org.redoubt.firmware.internal.command;
