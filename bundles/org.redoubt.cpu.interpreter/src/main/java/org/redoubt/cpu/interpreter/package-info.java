/** The tier-0 CPU engine. */
@org.jspecify.annotations.NullMarked
package org.redoubt.cpu.interpreter;
