/**
 * The exam of a firmware policy.
 *
 * <pre>{@code
 * class MyPolicyTest extends FirmwarePolicyContract {
 *   @Override
 *   protected FirmwarePolicy policy() {
 *     return new MyPolicy();
 *   }
 * }
 * }</pre>
 */
@Export
@Version("0.1.0")
@NullMarked
package org.redoubt.testkit.policy;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
