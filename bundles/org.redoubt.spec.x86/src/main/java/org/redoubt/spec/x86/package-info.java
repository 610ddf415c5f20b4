/** What AMD wrote down about x86-64: registers, MSRs, page-table entries, CPUID leaves. */
@org.osgi.annotation.bundle.Export
@org.osgi.annotation.versioning.Version("0.1.0")
@org.jspecify.annotations.NullMarked
package org.redoubt.spec.x86;
