/** The secure processor's firmware. */
@org.jspecify.annotations.NullMarked
package org.redoubt.firmware;
