/** A remote stub for gdb: the service {@code DebugServer} named {@code gdb}. */
@org.jspecify.annotations.NullMarked
package org.redoubt.gdb;
