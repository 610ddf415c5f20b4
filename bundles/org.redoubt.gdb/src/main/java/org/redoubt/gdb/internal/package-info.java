/**
 * One listener for each VM, one connection at a time: packets, the commands in them, and the
 * register file as gdb has it.
 */
@NullMarked
package org.redoubt.gdb.internal;

import org.jspecify.annotations.NullMarked;
