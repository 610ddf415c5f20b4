package org.redoubt.guest.images;

import java.nio.file.Path;

/**
 * A kernel and what belongs to it, unpacked.
 *
 * @param version the kernel package and its version
 * @param kernel the bzImage
 * @param modules the folder with the kernel's modules, such as {@code
 *     .../lib/modules/6.1.0-18-cloud-amd64}
 * @param busybox a static busybox
 */
public record GuestImage(String version, Path kernel, Path modules, Path busybox) {}
