/** Gogo commands. */
@org.jspecify.annotations.NullMarked
package org.redoubt.shell;
