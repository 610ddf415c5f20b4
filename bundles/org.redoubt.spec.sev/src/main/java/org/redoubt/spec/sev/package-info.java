/** What AMD wrote down about SEV: commands, status, policy, certificates, reports. */
@org.osgi.annotation.bundle.Export
@org.osgi.annotation.versioning.Version("0.1.0")
@org.jspecify.annotations.NullMarked
package org.redoubt.spec.sev;
