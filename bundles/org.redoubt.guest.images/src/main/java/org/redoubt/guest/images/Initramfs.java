package org.redoubt.guest.images;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.redoubt.guest.images.internal.CpioNewc;

/**
 * Builds an initial RAM disk: busybox, an {@code /init} that ends in a shell or runs one command,
 * and what the caller adds. The same input gives the same bytes, as the owner of an encrypted guest
 * must measure them. Not thread-safe.
 *
 * <p>The kernel command line {@code redoubt.run="COMMAND"} runs a command in place of the shell,
 * prints {@code redoubt: exit status N} and powers off; {@code redoubt.root=DEVICE} goes over to
 * the system on that disk.
 */
public final class Initramfs {
  private static final int EXECUTABLE = 0755;
  private static final int PLAIN = 0644;
  private static final String MODULE_LIST = "etc/redoubt/modules";

  private final CpioNewc cpio = new CpioNewc();
  private final List<String> modules = new ArrayList<>();

  private Initramfs() {}

  /** With the busybox of an image, and {@code /init}. */
  public static Initramfs of(GuestImage image) throws ImageException {
    Initramfs initramfs = new Initramfs();
    for (String folder :
        new String[] {"bin", "dev", "proc", "sys", "run", "tmp", "root", "etc", "lib"}) {
      initramfs.cpio.directory(folder);
    }
    initramfs.cpio.device("dev/console", 5, 1);
    initramfs.executable("bin/busybox", read(image.busybox()));
    initramfs.executable("init", resource("init"));
    initramfs.cpio.symlink("bin/sh", "busybox");
    initramfs.file(
        "etc/profile",
        text(
            """
            PS1='redoubt:\\w\\$ '
            alias poweroff='/bin/busybox poweroff -f'
            alias halt='/bin/busybox poweroff -f'
            alias reboot='/bin/busybox reboot -f'
            """));
    initramfs.executable("etc/redoubt/dhcp", resource("dhcp"));
    initramfs.file("etc/passwd", text("root::0:0:root:/root:/bin/sh\n"));
    initramfs.file("etc/group", text("root:x:0:\n"));
    return initramfs;
  }

  /** Adds a file. Folders above it are made. */
  public Initramfs file(String path, byte[] contents) {
    cpio.file(path, contents, PLAIN);
    return this;
  }

  /** Adds a program. Folders above it are made. */
  public Initramfs executable(String path, byte[] contents) {
    cpio.file(path, contents, EXECUTABLE);
    return this;
  }

  /**
   * Adds modules and all they depend on; {@code /init} loads them in that order.
   *
   * @param image whose modules
   * @param names such as {@code virtio_blk}
   * @throws ImageException if there is none of that name
   */
  public Initramfs modules(GuestImage image, Collection<String> names) throws ImageException {
    for (KernelModule module : KernelModule.closure(image.modules(), names)) {
      String path = "lib/modules/" + module.name() + ".ko";
      if (!modules.contains("/" + path)) {
        modules.add("/" + path);
        file(path, module.contents());
      }
    }
    return this;
  }

  /**
   * The archive in newc format, not compressed: the guest would spend longer on that than the host
   * saves.
   */
  public byte[] build() {
    if (!modules.isEmpty()) {
      file(MODULE_LIST, text(String.join("\n", modules) + "\n"));
    }
    return cpio.toByteArray();
  }

  private static byte[] text(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static byte[] read(Path file) throws ImageException {
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new ImageException("Cannot read %s for the initial RAM disk.".formatted(file), e);
    }
  }

  private static byte[] resource(String name) {
    try (InputStream in = Initramfs.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException("bug: no resource " + name);
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new IllegalStateException("bug: resource " + name, e);
    }
  }
}
