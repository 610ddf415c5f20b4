/** What is put into a guest before it runs: a loader turns files into a launch plan. */
@Export
@Version("0.1.0")
@NullMarked
package org.redoubt.api.guest;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
