/**
 * What AMD wrote down about SEV: command numbers, statuses, states, policies and the mailbox. No
 * behaviour, no state.
 *
 * <p>Sources, by the names used in this bundle: <b>55766</b> Secure Encrypted Virtualization API,
 * revision 3.24 (where its text was not at hand, the client that shows the fact is named);
 * <b>Linux</b> {@code include/linux/psp-sev.h}, {@code include/uapi/linux/psp-sev.h}, {@code
 * drivers/crypto/ccp}; <b>sev-tool</b> AMDESE/sev-tool; <b>virtee</b> virtee/sev.
 */
@org.osgi.annotation.bundle.Export
@org.osgi.annotation.versioning.Version("0.1.0")
@org.jspecify.annotations.NullMarked
package org.redoubt.spec.sev;
