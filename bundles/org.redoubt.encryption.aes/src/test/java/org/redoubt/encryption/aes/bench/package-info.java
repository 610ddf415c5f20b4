/** How fast a page is: by JMH, and side by side with openssl. Run by hand; see the README. */
@org.jspecify.annotations.NullMarked
package org.redoubt.encryption.aes.bench;
