/** Virtual machines: what the shell, the command line and tests start, look at and stop. */
@Export
@Version("0.2.0")
@NullMarked
package org.redoubt.api.vm;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
