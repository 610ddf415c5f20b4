/**
 * A vCPU: the engine that runs it, the MMU that fills its TLB, and the bus that its instructions
 * reach.
 *
 * <p>{@link org.redoubt.api.cpu.CpuEngineFactory} and {@link org.redoubt.api.cpu.MmuFactory} are
 * OSGi services that are asked when a VM is made. What happens at each guest access is a plain load
 * from the TLB of {@link org.redoubt.api.cpu.TlbLayout}.
 */
@Export
@Version("0.2.0")
@NullMarked
package org.redoubt.api.cpu;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
