/**
 * The firmware's frame: mailbox registers, dispatcher, platform and guest state.
 *
 * <pre>
 * MailboxRegisters -> Dispatcher -> Command (one class each) -> Platform, Guest -> keys -> memory system
 *                        |  common checks, policies, history
 * </pre>
 */
@org.jspecify.annotations.NullMarked
package org.redoubt.firmware.internal;
