/**
 * The exam of a device.
 *
 * <pre>{@code
 * class MyDeviceTest extends DeviceContract {
 *   @Override
 *   protected DeviceFactory factory() {
 *     return new MyDevice.Factory();
 *   }
 * }
 * }</pre>
 */
@Export
@Version("0.1.0")
@NullMarked
package org.redoubt.testkit.device;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
