/**
 * Kernels and initial RAM disks for people and tests.
 *
 * <pre>{@code
 * GuestImages images = new GuestImages(GuestImages.defaultCache(), Progress.NONE);
 * GuestImage debian = images.debian();                       // fetched and unpacked once, without root
 * byte[] initrd = Initramfs.of(debian).file("etc/motd", text).build();
 * }</pre>
 */
@Export
@Version("0.1.0")
@NullMarked
package org.redoubt.guest.images;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
