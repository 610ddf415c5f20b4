/** No memory encryption. */
@org.jspecify.annotations.NullMarked
package org.redoubt.encryption.none;
