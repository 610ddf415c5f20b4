/** Virtio devices on PCI. All of them are in the private package below. */
@org.jspecify.annotations.NullMarked
package org.redoubt.devices.virtio;
