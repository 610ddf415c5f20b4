/**
 * The exam of a memory system.
 *
 * <pre>{@code
 * class MyMemoryTest extends MemorySystemContract {
 *   @Override
 *   protected MemorySystemFactory factory(Map<String, MemoryEncryptionEngineFactory> engines) {
 *     return new MyMemoryFactory(engines); // the first one is the default
 *   }
 * }
 * }</pre>
 */
@Export
@Version("0.1.0")
@NullMarked
package org.redoubt.testkit.memory;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
