/**
 * Programs that others wrote, to test against: what they accept and refuse is worth more than our
 * own opinion. And {@link org.redoubt.testkit.tool.Exam}, for those who examine an exam: a broken
 * part must fail in it.
 */
@Export
@Version("0.1.0")
@NullMarked
package org.redoubt.testkit.tool;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
