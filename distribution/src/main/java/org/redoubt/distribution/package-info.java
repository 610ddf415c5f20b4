/**
 * The launcher: reads the feature documents of an installation, starts Felix with what they name,
 * and hands the command line to the shell inside.
 *
 * <pre>
 * bin/redoubt ... --> Main --> Features (features/*.json) --> Host (Felix) --> entry service
 * </pre>
 */
@NullMarked
package org.redoubt.distribution;

import org.jspecify.annotations.NullMarked;
