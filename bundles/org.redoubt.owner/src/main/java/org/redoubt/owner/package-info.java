/**
 * The guest owner's side: sessions, platform and launch verification, secrets. Trusts its own files
 * and keys, and nothing that comes from the host.
 *
 * <pre>{@code
 * ChainReport report = PlatformCheck.check(trustedArk, ChainFile.of(chain));       // is it a real platform?
 * OwnerSession session = OwnerSession.start(pdh, policy, random);                  // -> LAUNCH_START
 * Verdict v = new LaunchCheck(session.keys(), policy, firmware)                    // <- LAUNCH_MEASURE
 *     .check(measurement, LaunchPrediction.ofLinux(kernel, initrd, cmdline, machine, 32), List.of());
 * Packet p = SecretPacket.seal(session.keys(), measurement, secret, random);       // -> LAUNCH_SECRET
 * }</pre>
 */
@org.osgi.annotation.bundle.Export
@org.osgi.annotation.versioning.Version("0.1.0")
@org.jspecify.annotations.NullMarked
package org.redoubt.owner;
