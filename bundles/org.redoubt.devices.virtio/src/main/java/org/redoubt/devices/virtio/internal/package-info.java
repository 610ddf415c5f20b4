/**
 * The transport ({@code VirtioPci}), the rings ({@code Virtqueue}, {@code Chain}) and one file for
 * each device: its registers and requests on top, then the device, then its factory.
 */
@NullMarked
package org.redoubt.devices.virtio.internal;

import org.jspecify.annotations.NullMarked;
