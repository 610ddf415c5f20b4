/** Memory encryption by the JDK's AES. */
@org.jspecify.annotations.NullMarked
package org.redoubt.encryption.aes;
