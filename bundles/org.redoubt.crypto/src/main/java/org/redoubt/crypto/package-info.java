/**
 * Key types, key derivation, P-384, AMD's certificates, and the sessions between guest owner and
 * firmware.
 *
 * <pre>{@code
 * try (P384PrivateKey mine = P384PrivateKey.generate(random);
 *     SecretBytes z = mine.agree(Certificates.publicKey(pdh));
 *     TransportKeys keys = TransportKeys.generate(random)) {
 *   SessionBlob session = keys.seal(z, nonce, iv, policy);
 * }
 * }</pre>
 */
@org.osgi.annotation.bundle.Export
@org.osgi.annotation.versioning.Version("0.1.0")
@org.jspecify.annotations.NullMarked
package org.redoubt.crypto;
