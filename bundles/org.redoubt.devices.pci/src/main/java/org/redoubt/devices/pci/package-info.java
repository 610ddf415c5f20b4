/** The PCI host bridge and what every PCI function has: all in the private package below. */
@org.jspecify.annotations.NullMarked
package org.redoubt.devices.pci;
