/** The commands {@code psp:} and {@code policy:explain}: the secure processor, for people. */
@NullMarked
package org.redoubt.shell.internal.sev;

import org.jspecify.annotations.NullMarked;
