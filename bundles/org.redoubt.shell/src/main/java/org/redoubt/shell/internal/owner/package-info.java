/**
 * The guest owner's commands, {@code owner:} in the shell and {@code ./redoubt owner}: files in,
 * files out, no host needed.
 */
@NullMarked
package org.redoubt.shell.internal.owner;

import org.jspecify.annotations.NullMarked;
