/** Machine code that Java emits for the host it runs on: its memory, and how it is called. */
@org.jspecify.annotations.NullMarked
package org.redoubt.crypto.hostcode;
