/**
 * The commands {@code engine:} and {@code mem:}: memory systems made by hand, and the engines under
 * them.
 */
@NullMarked
package org.redoubt.shell.internal.memory;

import org.jspecify.annotations.NullMarked;
