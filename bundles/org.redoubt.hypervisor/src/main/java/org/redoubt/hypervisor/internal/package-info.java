/** Private parts of the hypervisor: VMs, their machines, their vCPUs and the host they live on. */
@NullMarked
package org.redoubt.hypervisor.internal;

import org.jspecify.annotations.NullMarked;
