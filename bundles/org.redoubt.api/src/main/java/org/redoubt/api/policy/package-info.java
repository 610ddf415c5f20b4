/**
 * What the secure processor may refuse beyond what its own rules say: a whiteboard of services.
 *
 * <p>Every {@link org.redoubt.api.policy.FirmwarePolicy} service is asked on each command that a
 * policy can refuse; all must allow. It takes effect on the next command.
 */
@Export
@Version("0.2.0")
@NullMarked
package org.redoubt.api.policy;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
