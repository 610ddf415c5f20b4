@org.jspecify.annotations.NullMarked
package org.redoubt.memory.internal;
