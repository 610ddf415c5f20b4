/**
 * A device and what it is plugged into: port and MMIO ranges, interrupt lines, a clock, DMA, and
 * the machine itself.
 *
 * <p>A {@link org.redoubt.api.device.DeviceFactory} is an OSGi service. {@code create(context)}
 * claims ranges and lines from its {@link org.redoubt.api.device.DeviceContext}; from then on the
 * machine calls the handlers.
 *
 * <p><b>Threads.</b> The machine calls the devices of one VM one at a time, under the VM&#39;s
 * device lock: port and MMIO handlers on the vCPU that made the access, timers on the VM&#39;s
 * clock thread, console input on its own. A device therefore needs no locks, and must not block.
 * The exceptions are the interrupt controllers, which say so.
 *
 * <p><b>Order.</b> Devices are made in an order: PIC, local APICs, I/O APIC, then the others, each
 * finding the parts it needs.
 */
@Export
@Version("0.2.0")
@NullMarked
package org.redoubt.api.device;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
