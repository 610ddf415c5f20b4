/**
 * The roof's face: the Gogo shell on a JLine terminal, and the commands that one types there.
 *
 * <pre>
 * launcher --argv--> Entry --+-- no argument: Console (terminal) or Script (standard input)
 *                            +-- -c LINE:     one line
 *                            +-- WORD ...:    the Gogo command redoubt:WORD
 * </pre>
 *
 * <p>The package is empty of types: everything is private, and offered as services.
 */
@NullMarked
package org.redoubt.shell;

import org.jspecify.annotations.NullMarked;
