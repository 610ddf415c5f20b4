package org.redoubt.memory.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemorySystem;

class DramFileTest {
  private static final int PAGE = Rig.PAGE;

  @TempDir Path folder;
  private final Rig rig = new Rig();

  private void assertRefused(MemoryConfig config, String... parts) {
    String message =
        String.valueOf(
            assertThrows(HypervisorException.class, () -> rig.factory.create(config)).getMessage());
    for (String part : parts) {
      assertTrue(message.contains(part), message);
    }
    assertFalse(message.contains("\n"), message);
    assertEquals(List.of(), rig.factory.systems());
  }

  @Test
  void shouldShowCiphertextAndSharedPagesInFileWhenFlushed() throws Exception {
    Path file = folder.resolve("dram");
    try (MemorySystem system = rig.system(Rig.config(64, 8).withDramFile(file))) {
      for (int page = 0; page < 64; page++) {
        Rig.write(system, page % 2, (long) page * PAGE, Rig.pattern(page, PAGE));
      }
      system.flush();
      byte[] bytes = Files.readAllBytes(file);
      assertEquals(64 * PAGE, bytes.length);
      for (int page = 0; page < 64; page++) {
        assertEquals(
            page % 2 == 0,
            Arrays.equals(
                Rig.pattern(page, PAGE), Arrays.copyOfRange(bytes, page * PAGE, (page + 1) * PAGE)),
            "page " + page);
      }
    }
  }

  @Test
  void shouldKeepWhatIsInFileWhenItIsLongEnough() throws Exception {
    Path file = folder.resolve("dram");
    Files.write(file, Rig.pattern(5, 20 * PAGE));
    try (MemorySystem system = rig.system(Rig.config(16, 8).withDramFile(file))) {
      assertArrayEquals(Rig.pattern(5, 20 * PAGE), concat(Rig.read(system, 0, 0, 16 * PAGE), file));
    }
    assertArrayEquals(Rig.pattern(5, 20 * PAGE), Files.readAllBytes(file));
  }

  private static byte[] concat(byte[] head, Path file) throws Exception {
    byte[] all = Files.readAllBytes(file);
    System.arraycopy(head, 0, all, 0, head.length);
    return all;
  }

  @Test
  void shouldRefuseAndLeaveAloneWhenFileIsTooShort() throws Exception {
    Path file = folder.resolve("short");
    Files.write(file, new byte[100]);
    assertRefused(Rig.config(16, 8).withDramFile(file), "short", "100", "65536");
    assertEquals(100, Files.size(file));
  }

  @Test
  void shouldRefuseWhenFileCannotBeUsed() throws Exception {
    assertRefused(Rig.config(16, 8).withDramFile(folder), folder.toString());
    Path missing = folder.resolve("no/such/dram");
    assertRefused(Rig.config(16, 8).withDramFile(missing), "no/such/dram", "no such folder");
    Path locked = folder.resolve("locked");
    Files.write(locked, new byte[16 * PAGE]);
    assertTrue(locked.toFile().setWritable(false));
    assertRefused(Rig.config(16, 8).withDramFile(locked), "locked", "read-only");
  }

  @Test
  void shouldRefuseAndLeaveNothingBehindWhenDiskIsFull() throws Exception {
    Path file = folder.resolve("huge");
    long room = Files.getFileStore(folder).getUsableSpace();
    long bytes = (room + (8L << 30)) & -PAGE;
    assertRefused(
        MemoryConfig.of("huge", bytes).withDramFile(file), "huge", "no room", Long.toString(bytes));
    assertFalse(Files.exists(file));
  }

  @Test
  void shouldRefuseWhenFileOrNameIsInUse() {
    Path file = folder.resolve("dram");
    try (MemorySystem system = rig.system(Rig.config(16, 8).withDramFile(file))) {
      String message =
          String.valueOf(
              assertThrows(HypervisorException.class, () -> rig.factory.create(system.config()))
                  .getMessage());
      assertTrue(message.contains("named test"), message);
      MemoryConfig other = MemoryConfig.of("other", 16 * PAGE).withDramFile(file);
      message =
          String.valueOf(
              assertThrows(HypervisorException.class, () -> rig.factory.create(other))
                  .getMessage());
      assertTrue(message.contains("in use"), message);
      assertEquals(List.of(system), rig.factory.systems());
    }
  }

  @Test
  void shouldRefuseWhenEngineIsUnknown() {
    assertRefused(Rig.config(16, 8).withEngine("rot13"), "rot13", "alpha, beta");
  }

  @Test
  void shouldRefuseWhenAddressSpaceIsShort() {
    assertRefused(MemoryConfig.of("large", 1L << 51), "8 TiB");
  }
}
