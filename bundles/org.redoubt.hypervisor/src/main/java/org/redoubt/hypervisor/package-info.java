/** Composes the parts into running VMs. */
@org.jspecify.annotations.NullMarked
package org.redoubt.hypervisor;
