/**
 * One class per policy. Each is a component that waits for a configuration under its PID:
 *
 * <pre>
 * no-debug         nobody debugs a guest, whatever the guest's policy says
 * measured-owners  guests are launched in their owner's session only
 * same-oca         launches and transfers on and to platforms of given owners only
 * rate-limit       so many commands of a kind per minute
 * audit            an event for every command
 * </pre>
 */
@org.jspecify.annotations.NullMarked
package org.redoubt.policy.samples.internal;
