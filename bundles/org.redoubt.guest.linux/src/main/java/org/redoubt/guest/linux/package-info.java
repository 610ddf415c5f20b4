/** Loads Linux. */
@org.jspecify.annotations.NullMarked
package org.redoubt.guest.linux;
