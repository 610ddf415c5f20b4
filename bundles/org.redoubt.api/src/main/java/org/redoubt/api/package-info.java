/** What all contracts share: the operator's kind of failure. */
@Export
@Version("0.1.0")
@NullMarked
package org.redoubt.api;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
