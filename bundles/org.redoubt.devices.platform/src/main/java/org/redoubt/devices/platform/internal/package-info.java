/** The devices, one file each: the register table on top, then the device, then its factory. */
@NullMarked
package org.redoubt.devices.platform.internal;

import org.jspecify.annotations.NullMarked;
