/** Private parts of the interpreter: blocks of linked operation objects, and the loop over them. */
@NullMarked
package org.redoubt.cpu.interpreter.internal;

import org.jspecify.annotations.NullMarked;
