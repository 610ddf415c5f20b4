package org.redoubt.guest.images.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.redoubt.guest.images.ImageException;
import org.redoubt.guest.images.Progress;

class ArchivesTest {
  @TempDir Path folder;

  private Path unpack(byte[] deb) throws IOException, ImageException {
    Path file = Files.write(folder.resolve("x.deb"), deb);
    Path target = Files.createDirectories(folder.resolve("target"));
    DebFile.unpack(file, path -> !path.startsWith("usr/share"), target, "x", Progress.NONE);
    return target;
  }

  @Test
  void shouldUnpackWantedFilesOfAPackage() throws IOException, ImageException {
    String longPath = "./lib/" + "d".repeat(60) + "/" + "f".repeat(60) + ".ko";
    Path target =
        unpack(
            FakeDeb.of(
                Map.of("./bin/busybox", "program", longPath, "module", "./usr/share/doc", "text")));
    assertEquals("program", Files.readString(target.resolve("bin/busybox")));
    assertEquals("module", Files.readString(target.resolve(longPath)));
    assertFalse(Files.exists(target.resolve("usr")));
    assertFalse(Files.exists(target.resolve("link")), "only regular files");
  }

  @Test
  void shouldUnpackEveryCompressionItKnows() throws IOException, ImageException {
    byte[] tar = FakeDeb.tar(Map.of("./a", "b"));
    assertEquals("b", Files.readString(unpack(FakeDeb.ar("data.tar", tar)).resolve("a")));
    Files.delete(folder.resolve("target/a"));
    assertEquals(
        "b", Files.readString(unpack(FakeDeb.ar("data.tar.xz", FakeDeb.xz(tar))).resolve("a")));
    byte[] zstd = FakeDeb.ar("data.tar.zst", tar);
    assertTrue(
        String.valueOf(assertThrows(ImageException.class, () -> unpack(zstd)).getMessage())
            .contains("--kernel"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"../evil", "./a/../../evil", "..", "./"})
  void shouldKeepEveryFileInsideItsFolder(String path) {
    assertThrows(ImageException.class, () -> unpack(FakeDeb.of(Map.of(path, "x"))));
    assertFalse(Files.exists(folder.resolve("evil")));
  }

  @Test
  void shouldTreatAnAbsolutePathAsRelative() throws IOException, ImageException {
    assertEquals(
        "x", Files.readString(unpack(FakeDeb.of(Map.of("/etc/evil", "x"))).resolve("etc/evil")));
  }

  @Test
  void shouldRefuseEveryTruncation() throws IOException {
    byte[] deb = FakeDeb.of(Map.of("./a", "b".repeat(2000)));
    for (int size = 0; size < deb.length - 40; size += 3) {
      byte[] shorter = java.util.Arrays.copyOf(deb, size);
      assertThrows(ImageException.class, () -> unpack(shorter), "of " + size);
    }
  }

  /** SOURCE: `printf hello >a; echo a | cpio -o -H newc`, inode and date zeroed by hand. */
  @Test
  void shouldWriteNewcAsTheKernelReadsIt() {
    CpioNewc cpio = new CpioNewc();
    cpio.file("a", "hello".getBytes(StandardCharsets.US_ASCII), 0644);
    String expected =
        "07070100000001000081A4000000000000000000000001000000000000000500000000000000000000000000000000"
            + "0000000200000000a\0hello\0\0\0"
            + "07070100000000000000000000000000000000000000010000000000000000000000000000000000000000000000000000000B"
            + "00000000TRAILER!!!\0\0\0\0";
    assertEquals(expected, new String(cpio.toByteArray(), StandardCharsets.US_ASCII));
  }

  @Test
  void shouldMakeTheFoldersAboveAndSortEntries() {
    CpioNewc one = new CpioNewc();
    one.file("b/c/d", new byte[] {1}, 0755);
    one.symlink("a", "b");
    CpioNewc two = new CpioNewc();
    two.symlink("/a", "b");
    two.directory("b");
    two.directory("b/c");
    two.file("b/c/d", new byte[] {1}, 0755);
    assertArrayEquals(one.toByteArray(), two.toByteArray());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "/", "a//b", "../a", "a/../b", "a/"})
  void shouldRefuseWhatIsNoPath(String path) {
    assertThrows(IllegalArgumentException.class, () -> new CpioNewc().directory(path));
  }

  @Test
  void shouldReadAParagraphOfThePackageIndex() {
    String paragraph =
        "Package: busybox-static\n"
            + "Version: 1:1.35.0-4+b1\n"
            + "Depends: libc6 (>= 2.3), kmod | module-init, x:any\n"
            + "Filename: pool/b.deb\n"
            + "Size: 928188\n"
            + "SHA256: "
            + "0a".repeat(32)
            + "\nDescription: x\n Package: y\n";
    DebPackage found = DebPackage.parse(paragraph).orElseThrow();
    assertEquals("busybox-static_1%3a1.35.0-4+b1", found.label());
    assertEquals(java.util.List.of("libc6", "kmod", "x"), found.depends());
    assertEquals(928188, found.size());
    for (String missing : new String[] {"Package", "Version", "Size", "SHA256"}) {
      assertTrue(
          DebPackage.parse(
                  paragraph
                      .replace("\n" + missing + ":", "\nX:")
                      .replaceFirst("^" + missing + ":", "X:"))
              .isEmpty());
    }
    assertTrue(DebPackage.parse(paragraph.replace("busybox-static", "../evil")).isEmpty());
    assertTrue(DebPackage.parse(paragraph.replace("1:1.35.0", "1/../..")).isEmpty());
  }
}
