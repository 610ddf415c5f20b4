/**
 * The devices of a PC that Linux expects before it has found any bus. All of them are in the
 * private package below.
 */
@org.jspecify.annotations.NullMarked
package org.redoubt.devices.platform;
