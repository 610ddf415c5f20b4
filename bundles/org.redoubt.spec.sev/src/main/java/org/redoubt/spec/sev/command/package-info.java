/**
 * The command buffers of the SEV API and what they point to. Each is a record over a copied buffer,
 * with its picture and its {@code LAYOUT}; members named {@code RESERVED...} must be zero.
 */
@org.osgi.annotation.bundle.Export
@org.osgi.annotation.versioning.Version("0.1.0")
@org.jspecify.annotations.NullMarked
package org.redoubt.spec.sev.command;
