/** Where packages come from, and the archive formats they are made of. */
@NullMarked
package org.redoubt.guest.images.internal;

import org.jspecify.annotations.NullMarked;
