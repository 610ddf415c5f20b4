/**
 * Tweaked block ciphers over pages: what the AES memory-encryption engines share.
 *
 * <pre>
 * plain --copy--> in --xor T--> AES --> out --xor T (XEX, XTS)--> cipher
 *                        |                      |
 *                 T = tweak of each block's system-physical address
 * </pre>
 *
 * <p>{@link org.redoubt.crypto.memory.TweakedCipher} moves the bytes, an {@link
 * org.redoubt.crypto.memory.EcbCipher} is the block cipher, a {@link
 * org.redoubt.crypto.memory.Tweak} turns addresses into tweaks. {@link
 * org.redoubt.crypto.memory.AddressTweakedAes} does the same in one pass, by code emitted for the
 * host, where that is possible.
 */
@Export
@Version("0.1.0")
@NullMarked
package org.redoubt.crypto.memory;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
