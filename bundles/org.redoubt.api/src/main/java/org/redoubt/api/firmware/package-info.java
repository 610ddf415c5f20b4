/**
 * The secure processor (PSP): a mailbox of registers, and the firmware behind it.
 *
 * <p>The hypervisor uses it as a host kernel does: it writes a command buffer into host memory, its
 * address and the command into the registers, and reads the response. Everything else here is for
 * people: what was done, and why something was refused.
 */
@Export
@Version("0.2.0")
@NullMarked
package org.redoubt.api.firmware;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
