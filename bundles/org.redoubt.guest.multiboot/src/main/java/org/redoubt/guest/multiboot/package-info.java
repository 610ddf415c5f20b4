/** Loads Multiboot images. */
@org.jspecify.annotations.NullMarked
package org.redoubt.guest.multiboot;
