/**
 * The exam of a guest loader.
 *
 * <pre>{@code
 * class MyLoaderTest extends GuestLoaderContract {
 *   @Override
 *   protected GuestLoader loader() {
 *     return new MyLoader();
 *   }
 *
 *   @Override
 *   protected List<byte[]> images() {
 *     return List.of(MyImages.small());
 *   }
 * }
 * }</pre>
 */
@Export
@Version("0.1.0")
@NullMarked
package org.redoubt.testkit.guest;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
