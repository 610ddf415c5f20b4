/**
 * The cipher between the SoC and DRAM: what a vendor implements to put another memory-encryption
 * engine to work.
 *
 * <p>A provider registers one {@link org.redoubt.api.encryption.MemoryEncryptionEngineFactory}
 * service per engine, with the property {@link
 * org.redoubt.api.encryption.MemoryEncryptionEngineFactory#ENGINE_NAME}. The memory system calls
 * {@code create(key)} once per key slot and then {@code encrypt} on eviction and {@code decrypt} on
 * fill, page by page.
 */
@Export
@Version("0.1.0")
@NullMarked
package org.redoubt.api.encryption;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
