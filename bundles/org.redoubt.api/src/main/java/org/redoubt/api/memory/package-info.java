/**
 * DRAM, the SoC cache in front of it, and the key slots that stand between the two.
 *
 * <pre>{@code
 * guest, vCPU                    host, device
 * MemoryPort / MemoryView(asid)  MemoryView(SHARED)
 *        |                            |
 * +------v----------------------------v-----+
 * | SoC cache: plaintext pages, each tagged |   a page has at most one view at a time
 * | with one PageTag (ASID and C-bit)       |
 * +--------------------+--------------------+
 *        fill: decrypt | evict: encrypt          key slot of the tag, engine in use
 * +--------------------v--------------------+
 * | DRAM: ciphertext of private pages       |   off-heap, or a file that others may read
 * +-----------------------------------------+
 * }</pre>
 *
 * <p>Addresses here are system-physical ({@code spa}), without any C-bit.
 */
@Export
@Version("0.2.0")
@NullMarked
package org.redoubt.api.memory;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
