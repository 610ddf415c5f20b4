/**
 * The exam of a firmware of the secure processor.
 *
 * <pre>{@code
 * class MyFirmwareTest extends SecureProcessorContract {
 *   @Override
 *   protected SecureProcessorFactory factory() {
 *     return new MyFirmware();
 *   }
 * }
 * }</pre>
 */
@Export
@Version("0.1.0")
@NullMarked
package org.redoubt.testkit.firmware;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
