/**
 * The entry, the console and what all commands share.
 *
 * <p>A command is one class that extends {@link org.redoubt.shell.internal.ShellCommand}; a
 * sub-command of {@code ./redoubt} is one in the scope {@code redoubt}.
 */
@NullMarked
package org.redoubt.shell.internal;

import org.jspecify.annotations.NullMarked;
