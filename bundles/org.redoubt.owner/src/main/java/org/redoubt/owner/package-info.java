/**
 * The guest owner's side: sessions, platform and launch verification, secrets. Trusts its own files
 * and keys, and nothing that comes from the host.
 *
 * <pre>{@code
 * GuestOwner owner = GuestOwner.begin(trustedArk, ChainFile.of(chain), policy);   // is it a real platform?
 * hypervisor.create(config, owner.dhCertificate(), owner.session());              // -> LAUNCH_START
 * Verdict v = owner.verify(measurement, prediction, List.of(), firmware);         // <- LAUNCH_MEASURE
 * Packet p = owner.seal(secret);                                                  // -> LAUNCH_SECRET
 * }</pre>
 */
@org.osgi.annotation.bundle.Export
@org.osgi.annotation.versioning.Version("0.1.0")
@org.jspecify.annotations.NullMarked
package org.redoubt.owner;
