/**
 * The exam of a memory-encryption engine.
 *
 * <pre>{@code
 * class MyEngineTest extends MemoryEncryptionEngineContract {
 *   @Override
 *   protected MemoryEncryptionEngineFactory factory() {
 *     return new MyEngine();
 *   }
 * }
 * }</pre>
 */
@Export
@Version("0.1.0")
@NullMarked
package org.redoubt.testkit.encryption;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
