/** Tests that see only what a user of the distribution sees. */
@NullMarked
package org.redoubt.itests;

import org.jspecify.annotations.NullMarked;
