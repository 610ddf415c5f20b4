package org.redoubt.guest.images;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.redoubt.linux.boot.BootLayout;
import org.redoubt.linux.boot.EntryState;
import org.redoubt.linux.boot.LinuxBoot;
import org.redoubt.linux.boot.LinuxBootException;
import org.redoubt.linux.boot.LinuxImage;
import org.redoubt.linux.boot.Machine;
import org.redoubt.linux.boot.Region;

/**
 * The regions of a layout, put into the memory of another emulator and entered in the layout's
 * entry state, boot Debian's kernel: an opinion on tables and registers that is not ours. Skipped
 * where there is no QEMU.
 */
class LayoutInQemuTest {
  private static final String QEMU = "qemu-system-x86_64";
  private static final String SECRET = "attack at dawn";
  private static final int ROM_BYTES = 0x1_0000;
  private static final long ROM_GPA = 0xFFFF_0000L;

  @TempDir Path folder;

  /**
   * The ROM that stands in for a BIOS: real mode, protected mode, QEMU's PM ports, long mode, the
   * kernel.
   */
  private static byte[] rom(EntryState entry) {
    Code code = new Code();
    code.hex("FA 2E 66 0F 01 16").u16(0x0B); // cli; lgdt cs:[the pointer below]
    code.hex("EB 1F"); // jmp over the tables
    code.at(0x0B).u16(0x17).u32(ROM_GPA + 0x11); // GDT: limit, base
    code.at(0x11).hex("00 00 00 00 00 00 00 00 FF FF 00 00 00 9B CF 00 FF FF 00 00 00 93 CF 00");
    code.at(0x29).hex("66 B8").u32(0x11).hex("0F 22 C0"); // mov eax, 11h; mov cr0, eax
    code.hex("66 EA").u32(ROM_GPA + 0x3A).u16(0x08); // ljmp 8:next
    code.at(0x3A).hex("66 B8 10 00 8E D8 8E C0 8E D0 8E E0 8E E8"); // ds es ss fs gs = 10h
    code.pci(0x8000_0B40L, 0x601); // the PIIX4's PM base, as our tables have it
    code.pci(0x8000_0B80L, 1);
    code.pci(0x8000_0B04L, 1);
    code.hex("66 BA 04 06 66 ED 66 83 C8 01 66 EF"); // SCI_EN
    code.hex("B8").u32(entry.cr4()).hex("0F 22 E0");
    code.hex("B8").u32(entry.cr3()).hex("0F 22 D8");
    code.hex("B9").u32(0xC000_0080L).hex("B8").u32(entry.efer() & 0x100).hex("31 D2 0F 30"); // LME
    code.hex("B8").u32(entry.cr0()).hex("0F 22 C0");
    code.hex("0F 01 15").u32(ROM_GPA + 0x800); // lgdt [the layout's]
    code.hex("EA").u32(ROM_GPA + 0x900).u16(entry.codeSelector());
    code.at(0x800).u16(entry.gdtLimit()).u32(entry.gdtBase());
    code.at(0x900).hex("B8").u32(entry.dataSelector()).hex("8E D8 8E C0 8E D0 8E E0 8E E8");
    code.hex("31 C0 31 DB 31 C9 31 D2 31 E4 31 ED 31 FF"); // everything else is zero
    code.hex("BE").u32(entry.rsi()); // rsi
    code.hex("48 B8").u32(entry.rip()).u32(entry.rip() >>> 32).hex("FF E0");
    code.at(ROM_BYTES - 16).hex("EA 00 00 00 F0"); // the reset vector: jmp F000:0
    return code.rom;
  }

  private static final class Code {
    final byte[] rom = new byte[ROM_BYTES];
    private int at;

    Code at(int offset) {
      assertTrue(offset >= at, "the code runs into %x".formatted(offset));
      at = offset;
      return this;
    }

    Code hex(String bytes) {
      for (byte b : HexFormat.ofDelimiter(" ").parseHex(bytes)) {
        rom[at++] = b;
      }
      return this;
    }

    Code u16(int value) {
      rom[at++] = (byte) value;
      rom[at++] = (byte) (value >> 8);
      return this;
    }

    Code u32(long value) {
      return u16((int) value & 0xFFFF).u16((int) (value >> 16) & 0xFFFF);
    }

    /** mov dx, CF8h; mov eax, register; out; mov dx, CFCh; mov eax, value; out. */
    Code pci(long register, long value) {
      hex("66 BA F8 0C B8").u32(register).hex("EF");
      return hex("66 BA FC 0C B8").u32(value).hex("EF");
    }
  }

  private static boolean hasQemu() {
    return Stream.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator))
        .anyMatch(path -> Files.isExecutable(Path.of(path, QEMU)));
  }

  private List<String> command(BootLayout layout) throws IOException {
    List<String> command = new ArrayList<>(List.of(QEMU, "-M", "pc", "-cpu", "max", "-m", "256"));
    command.addAll(List.of("-nographic", "-no-reboot", "-monitor", "none", "-serial", "stdio"));
    Path rom = Files.write(folder.resolve("rom"), rom(layout.entry()));
    command.addAll(List.of("-bios", rom.toString()));
    for (Region region : layout.regions()) {
      byte[] bytes = region.bytes().toArray(ValueLayout.JAVA_BYTE);
      layout
          .secretSlot()
          .filter(slot -> slot.gpa() >= region.gpa() && slot.gpa() < region.end())
          .ifPresent(slot -> {
            byte[] secret = SECRET.getBytes(StandardCharsets.US_ASCII);
            System.arraycopy(secret, 0, bytes, (int) (slot.gpa() - region.gpa()), secret.length);
          });
      Path file = Files.write(folder.resolve(region.name()), bytes);
      command.addAll(
          List.of(
              "-device", "loader,force-raw=on,addr=0x%x,file=%s".formatted(region.gpa(), file)));
    }
    return command;
  }

  @Test
  void shouldBootTakeTheSecretAndPowerOff()
      throws IOException, InterruptedException, ImageException, LinuxBootException {
    Assumptions.assumeTrue(hasQemu(), "no " + QEMU);
    GuestImage image = TestImages.debian();
    String append =
        "console=ttyS0 panic=-1 no_timer_check redoubt.run=\"cat /run/redoubt/secret; echo; cat"
            + " /proc/interrupts; exit 7\"";
    BootLayout layout =
        LinuxBoot.layout(
            LinuxImage.parse(MemorySegment.ofArray(Files.readAllBytes(image.kernel()))),
            MemorySegment.ofArray(Initramfs.of(image).build()),
            append,
            Machine.of(256L << 20, 1),
            1024);
    Process qemu = new ProcessBuilder(command(layout)).redirectErrorStream(true).start();
    try {
      qemu.getOutputStream().close();
      ByteArrayOutputStream output = new ByteArrayOutputStream();
      Thread reader = Thread.ofVirtual().start(() -> copy(qemu, output));
      assertTrue(qemu.waitFor(180, TimeUnit.SECONDS), "QEMU still runs");
      reader.join();
      String text = output.toString(StandardCharsets.ISO_8859_1);
      assertTrue(text.contains("ACPI: PM: (supports S0 S5)"), text);
      assertTrue(text.contains("\n" + SECRET), text);
      assertTrue(text.contains("IO-APIC   9-fasteoi   acpi"), text);
      assertTrue(text.contains("redoubt: exit status 7"), text);
      assertEquals(0, qemu.exitValue(), text);
    } finally {
      qemu.destroyForcibly();
    }
  }

  private static void copy(Process from, ByteArrayOutputStream to) {
    try {
      from.getInputStream().transferTo(to);
    } catch (IOException e) {
      // the process has been destroyed; the test fails by its time limit
    }
  }
}
