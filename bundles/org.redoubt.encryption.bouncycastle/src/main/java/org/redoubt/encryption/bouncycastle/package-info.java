/** Memory encryption by Bouncy Castle's AES. */
@org.jspecify.annotations.NullMarked
package org.redoubt.encryption.bouncycastle;
