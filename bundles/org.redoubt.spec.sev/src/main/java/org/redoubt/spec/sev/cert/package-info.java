/**
 * Certificates in AMD's own two formats: byte layouts, usages and algorithms. Signatures are
 * checked in {@code crypto}.
 */
@org.osgi.annotation.bundle.Export
@org.osgi.annotation.versioning.Version("0.1.0")
@org.jspecify.annotations.NullMarked
package org.redoubt.spec.sev.cert;
