package org.redoubt.firmware.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.redoubt.firmware.internal.keys.HostStore;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.command.InitExBuffer;

/** What survives a restart, and what does not get by. */
final class NonVolatileTest {
  private static final int RESTARTS = Integer.getInteger("nv.restarts", 100);
  private static final long SEED = Long.getLong("nv.seed", 1);

  @TempDir Path folder;

  private Path chip() {
    return folder.resolve("chip");
  }

  /** Powers a host on whose driver keeps the area in a file, as Linux does with init_ex_path. */
  private static final class WithFile implements AutoCloseable {
    final Host host;
    final Path file;

    WithFile(Path chip, Path file) {
      this.host = new Host(Optional.of(chip));
      this.file = file;
    }

    FirmwareStatus init() throws IOException {
      byte[] area = new byte[HostStore.BYTES];
      Arrays.fill(area, (byte) -1);
      if (Files.exists(file)) {
        area = Files.readAllBytes(file);
      }
      host.put(Faults.NV, area);
      FirmwareStatus status =
          host.issue(
              SevCommand.INIT_EX, new InitExBuffer(36, 0, 0, 0, Faults.NV, HostStore.BYTES)::write);
      if (status == FirmwareStatus.SUCCESS) {
        keep();
      }
      return status;
    }

    void keep() throws IOException {
      Files.write(file, host.get(Faults.NV, HostStore.BYTES));
    }

    SevCertificate pdh() {
      return host.platform().keys().pdhCertificate();
    }

    @Override
    public void close() {
      host.close();
    }
  }

  @Test
  void shouldHaveTheSameKeysAfterARestartWithInitEx() throws IOException {
    Path file = folder.resolve("nv");
    SevCertificate before;
    try (WithFile first = new WithFile(chip(), file)) {
      assertEquals(FirmwareStatus.SUCCESS, first.init(), first.host::lastReason);
      before = first.pdh();
    }
    try (WithFile again = new WithFile(chip(), file)) {
      assertEquals(FirmwareStatus.SUCCESS, again.init(), again.host::lastReason);
      assertEquals(before, again.pdh());
      assertEquals(FirmwareStatus.SUCCESS, again.host.issue(SevCommand.PDH_GEN));
      assertNotEquals(before, again.pdh());
      before = again.pdh();
      again.keep();
    }
    try (WithFile third = new WithFile(chip(), file)) {
      assertEquals(FirmwareStatus.SUCCESS, third.init(), third.host::lastReason);
      assertEquals(before, third.pdh());
    }
  }

  @Test
  void shouldGoOnWhenTheHostDidNotGetToWriteItsFile() throws IOException {
    Path file = folder.resolve("nv");
    try (WithFile first = new WithFile(chip(), file)) {
      assertEquals(FirmwareStatus.SUCCESS, first.init(), first.host::lastReason);
      assertEquals(FirmwareStatus.SUCCESS, first.host.issue(SevCommand.PDH_GEN));
      // The host goes down before it writes the file.
    }
    try (WithFile again = new WithFile(chip(), file)) {
      assertEquals(FirmwareStatus.SUCCESS, again.init(), again.host::lastReason);
    }
  }

  @Test
  void shouldTellAnOlderFile() throws IOException {
    Path file = folder.resolve("nv");
    byte[] old;
    try (WithFile first = new WithFile(chip(), file)) {
      assertEquals(FirmwareStatus.SUCCESS, first.init(), first.host::lastReason);
      old = Files.readAllBytes(file);
      assertEquals(FirmwareStatus.SUCCESS, first.host.issue(SevCommand.PDH_GEN));
      first.keep();
    }
    try (WithFile again = new WithFile(chip(), file)) {
      assertEquals(FirmwareStatus.SUCCESS, again.init(), again.host::lastReason);
    }
    Files.write(file, old);
    try (WithFile rolledBack = new WithFile(chip(), file)) {
      assertEquals(FirmwareStatus.SECURE_DATA_INVALID, rolledBack.init());
      assertTrue(rolledBack.host.lastReason().contains("rolled back"), rolledBack.host::lastReason);
    }
  }

  /** Every byte of a sealed state matters. */
  @Test
  void shouldTellAnyChangedByte() throws IOException {
    Path file = folder.resolve("nv");
    try (WithFile first = new WithFile(chip(), file)) {
      assertEquals(FirmwareStatus.SUCCESS, first.init(), first.host::lastReason);
    }
    byte[] good = Files.readAllBytes(file);
    int used = HexFormat.of().formatHex(good).replaceAll("(ff)+$", "").length() / 2;
    try (WithFile again = new WithFile(chip(), file)) {
      for (int at = 0; at < used; at += at < 64 ? 1 : 61) {
        byte[] bad = good.clone();
        bad[at] ^= 4;
        Files.write(file, bad);
        int place = at;
        assertEquals(
            FirmwareStatus.SECURE_DATA_INVALID,
            again.init(),
            () -> "byte " + place + " of " + used);
      }
      Files.write(file, good);
      assertEquals(FirmwareStatus.SUCCESS, again.init(), again.host::lastReason);
    }
  }

  /** Sealed under another chip's secret: of no use here. */
  @Test
  void shouldNotTakeAnotherChipsState() throws IOException {
    Path file = folder.resolve("nv");
    try (WithFile first = new WithFile(chip(), file)) {
      assertEquals(FirmwareStatus.SUCCESS, first.init(), first.host::lastReason);
    }
    try (WithFile other = new WithFile(folder.resolve("other"), file)) {
      assertEquals(FirmwareStatus.SECURE_DATA_INVALID, other.init());
    }
  }

  /** After PLATFORM_RESET no former state comes back, and a damaged one is got rid of. */
  @Test
  void shouldStartAfreshAfterAReset() throws IOException {
    Path sealed = chip().resolve("platform.sealed");
    SevCertificate before;
    try (Host host = new Host(Optional.of(chip())).init()) {
      before = host.platform().keys().pdhCertificate();
    }
    byte[] former = Files.readAllBytes(sealed);
    Files.write(sealed, new byte[10]);
    try (Host host = new Host(Optional.of(chip()))) {
      assertEquals(
          FirmwareStatus.SECURE_DATA_INVALID, host.issue(SevCommand.INIT), host::lastReason);
      assertEquals(FirmwareStatus.SUCCESS, host.issue(SevCommand.PLATFORM_RESET));
      host.init();
      assertNotEquals(before, host.platform().keys().pdhCertificate());
    }
    Files.write(sealed, former);
    try (Host host = new Host(Optional.of(chip()))) {
      assertEquals(FirmwareStatus.SECURE_DATA_INVALID, host.issue(SevCommand.INIT));
      assertTrue(host.lastReason().contains("rolled back"), host::lastReason);
    }
  }

  /**
   * Restarts with a cut at a random byte of a write: what is on the disk is cut off there, and what
   * follows never happens. PDH_GEN writes the counter, the state, and the counter again, each as a
   * new file that is renamed; the cut is put into one of these, at a byte or just before the
   * rename. The long run: {@code -Dnv.restarts=1000}.
   */
  @Test
  void shouldHaveTheOldOrTheNewStateAfterACutAnywhere() throws IOException {
    Random random = new Random(SEED);
    Path chip = chip();
    byte[] secondOfPdh;
    try (Host host = new Host(Optional.of(chip)).init()) {
      secondOfPdh = host.platform().keys().pdhCertificate().toBytes();
    }
    int old = 0;
    int fresh = 0;
    for (int i = 0; i < RESTARTS; i++) {
      Path before = folder.resolve("before");
      copy(chip, before);
      byte[] next;
      try (Host host = new Host(Optional.of(chip)).init()) {
        assertArrayEquals(secondOfPdh, host.platform().keys().pdhCertificate().toBytes());
        assertEquals(FirmwareStatus.SUCCESS, host.issue(SevCommand.PDH_GEN), host::lastReason);
        next = host.platform().keys().pdhCertificate().toBytes();
      }
      cut(random, before, chip);
      try (Host host = new Host(Optional.of(chip)).init()) {
        byte[] now = host.platform().keys().pdhCertificate().toBytes();
        boolean isOld = Arrays.equals(now, secondOfPdh);
        boolean isNew = Arrays.equals(now, next);
        int round = i;
        assertTrue(isOld != isNew, () -> "restart " + round + " has neither or both");
        old += isOld ? 1 : 0;
        fresh += isNew ? 1 : 0;
        secondOfPdh = now;
      }
    }
    assertTrue(old > RESTARTS / 10 && fresh > RESTARTS / 10, old + " old, " + fresh + " new");
  }

  /**
   * Puts the folder into a state that a cut could have left: the writes so far done, the one under
   * way a temporary file of its first bytes, the rest not begun.
   */
  private static void cut(Random random, Path before, Path after) throws IOException {
    String[] files = {"platform.sealed", "chip.counter"};
    int done = random.nextInt(files.length + 1); // so many files have their new content
    for (int i = done; i < files.length; i++) {
      byte[] whole = Files.readAllBytes(after.resolve(files[i]));
      Files.copy(
          before.resolve(files[i]), after.resolve(files[i]), StandardCopyOption.REPLACE_EXISTING);
      if (i == done) {
        byte[] part = Arrays.copyOf(whole, random.nextInt(whole.length + 1));
        Files.write(after.resolve(files[i] + ".new"), part);
      }
    }
  }

  private static void copy(Path from, Path to) throws IOException {
    Files.createDirectories(to);
    for (String name : new String[] {"platform.sealed", "chip.counter"}) {
      Files.copy(from.resolve(name), to.resolve(name), StandardCopyOption.REPLACE_EXISTING);
    }
  }
}
