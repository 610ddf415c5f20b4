/** The host bridge, and a function's configuration space, BARs and MSI-X table. */
@NullMarked
package org.redoubt.devices.pci.internal;

import org.jspecify.annotations.NullMarked;
