package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.redoubt.guest.images.GuestImage;
import org.redoubt.guest.images.GuestImages;
import org.redoubt.guest.images.Initramfs;
import org.redoubt.guest.images.Progress;

/** Kernels of other kinds than a bzImage, as {@code redoubt run} boots and refuses them. */
class GuestLoadersIT {
  private static final Duration START = Duration.ofMinutes(5);
  private static final Duration BOOT = Duration.ofMinutes(10);

  @TempDir private Path folder;

  private Path file(String name, byte[] contents) throws IOException {
    return Files.write(folder.resolve(name), contents);
  }

  /** SOURCE: the map that a guest of 64 MiB has by {@code linux.boot}'s README. */
  private static final String PRINTS =
      """
      Redoubt
      one two=three
      00000000 0009FC00 00000001\s
      0009FC00 00000400 00000002\s
      000F0000 00010000 00000002\s
      00100000 03EF0000 00000001\s
      03FF0000 00010000 00000003\s
      initrd
      a module of its own
      """;

  @ParameterizedTest
  @CsvSource({"addresses, none", "elf, none", "addresses, sev", "elf, sev"})
  void shouldBootAMultibootKernel(String kind, String protection) throws Exception {
    Path kernel =
        file(
            "kernel",
            kind.equals("elf") ? MultibootKernel.asElf() : MultibootKernel.withAddresses());
    Path module = file("module", "a module of its own".getBytes(StandardCharsets.US_ASCII));
    Path secret = file("secret", "for this guest only".getBytes(StandardCharsets.US_ASCII));
    List<String> command =
        new ArrayList<>(
            List.of("run", "--kernel", kernel.toString(), "--initrd", module.toString()));
    command.addAll(List.of("--memory", "64M", "--append", "one two=three"));
    command.addAll(List.of("--protection", protection));
    boolean sev = protection.equals("sev");
    if (sev) {
      command.addAll(List.of("--secret", secret.toString()));
    }
    try (Launched run = Launched.of(command.toArray(String[]::new))) {
      assertEquals(0, run.exitCode(START), run::err);
      assertEquals(sev ? PRINTS + "redoubt-secret\nfor this guest only\n" : PRINTS, run.out());
      assertEquals(
          sev,
          run.err().contains("valid under the owner's key: the digest is the launched image's"),
          run::err);
      assertEquals(sev ? 5 : 0, run.err().lines().count(), run::err);
    }
  }

  @Test
  void shouldBootDebiansVmlinuxToItsShellByPvh() throws Exception {
    GuestImage debian = new GuestImages(GuestImages.defaultCache(), Progress.NONE).debian();
    Path kernel = file("vmlinux", Vmlinux.of(debian.kernel()));
    Path initrd = file("initrd", Initramfs.of(debian).build());
    try (Launched run =
        Launched.of(
            "run",
            "--kernel",
            kernel.toString(),
            "--initrd",
            initrd.toString(),
            "--memory",
            "256M",
            "--protection",
            "none")) {
      run.expect("Type 'poweroff' to leave.", BOOT);
      run.type("uname -r; cat /proc/cmdline");
      run.expect("-cloud-amd64\r\nconsole=ttyS0", START);
      run.type("echo $(dmesg | grep -c 'ACPI: RSDP') root pointer");
      run.expect("1 root pointer\r\n", START);
      run.type("poweroff");
      assertEquals(0, run.exitCode(BOOT), run::err);
      assertEquals("", run.err());
    }
    try (Launched run =
        Launched.of("run", "--kernel", kernel.toString(), "--initrd", initrd.toString())) {
      assertEquals(2, run.exitCode(START), run::out);
      assertEquals(
          "An ELF kernel cannot start as an SEV guest, its PVH entry sets no C-bit; give the"
              + " bzImage (vmlinuz), or --protection none.",
          run.err().strip());
    }
  }

  private static byte[] arm() {
    byte[] elf = Arrays.copyOf(MultibootKernel.asElf(), 0x1000);
    elf[4] = 2;
    elf[0x12] = (byte) 183;
    return elf;
  }

  private static byte[] badChecksum() {
    byte[] image = MultibootKernel.withAddresses();
    image[8] ^= 1;
    return image;
  }

  @Test
  void shouldRefuseImagesInOneLineAndExitWith2() throws Exception {
    byte[] good = MultibootKernel.withAddresses();
    refused("No guest loader knows the kernel ", new byte[100_000]);
    refused("The kernel is an ELF file for another machine: class 2, data 1, machine 183;", arm());
    refused("The Multiboot header at 0h has a wrong checksum: ", badChecksum());
    refused("The Multiboot image is truncated: ", Arrays.copyOf(good, 100));
    refused("The kernel is truncated or no ELF file: ", good, "--loader", "pvh");
    refused("No guest loader is called 'grub'; there are: ", good, "--loader", "grub");
  }

  private void refused(String says, byte[] kernel, String... more) throws Exception {
    List<String> command =
        new ArrayList<>(List.of("run", "--kernel", file("bad", kernel).toString()));
    command.addAll(List.of("--memory", "64M", "--protection", "none"));
    command.addAll(List.of(more));
    try (Launched run = Launched.of(command.toArray(String[]::new))) {
      assertEquals(2, run.exitCode(START), () -> run.out() + run.err());
      assertEquals(1, run.err().lines().count(), run::err);
      assertTrue(run.err().startsWith(says), run::err);
      assertEquals("", run.out());
    }
  }
}
