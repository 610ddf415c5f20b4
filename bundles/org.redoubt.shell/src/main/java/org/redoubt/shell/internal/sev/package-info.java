/** The commands {@code psp:} and {@code policy:}: the secure processor and its policies. */
@NullMarked
package org.redoubt.shell.internal.sev;

import org.jspecify.annotations.NullMarked;
