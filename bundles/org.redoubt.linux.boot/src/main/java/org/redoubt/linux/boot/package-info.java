/**
 * Where a Linux boot loader puts what: pure layout, no I/O, no guest memory.
 *
 * <p>The loader and the guest owner call the same function with the same arguments and get the same
 * bytes at the same addresses, so that both compute the same launch digest:
 *
 * <pre>{@code
 * LinuxImage kernel = LinuxImage.parse(bzImage);
 * Machine machine = Machine.of(512L << 20, 1).withEncryptionBit(47);
 * BootLayout layout = LinuxBoot.layout(kernel, initrd, "console=ttyS0", machine, 1024);
 * layout.regions();     // name, gpa, whole pages
 * layout.entry();       // rip, rsi, cr0, cr3, cr4, efer, segments
 * layout.secretSlot();  // where LAUNCH_SECRET may write
 * }</pre>
 *
 * <p>The guest's physical memory, low to high:
 *
 * <pre>
 *        0h  BIOS data area           1 page, words 40Eh and 413h set
 *    10000h  boot_params              1 page
 *    11000h  command line             1 page
 *    12000h  GDT                      1 page
 *    13000h  setup_data, the secret's 1 page, if a secret is wanted
 *    20000h  page tables              6 pages: 4 GiB, one to one, 2 MiB pages
 *  pref_address  kernel               protected-mode part; init_size bytes are kept free
 *      ...   initrd                   as high as it may go
 *      ...   ACPI tables              the last 64 KiB below 3 GiB or the end of memory, E820 type 3
 *  4 GiB     the rest of memory
 * </pre>
 */
@NullMarked
@Version("0.1.0")
@Export
package org.redoubt.linux.boot;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
