package org.redoubt.devices.virtio.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.redoubt.devices.virtio.internal.VirtioMachine.DATA;
import static org.redoubt.devices.virtio.internal.VirtioMachine.in;
import static org.redoubt.devices.virtio.internal.VirtioMachine.out;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.Device;
import org.redoubt.struct.Layouts;

class BlockTest {
  private static final int SECTORS = 64;
  private static final int HEADER = DATA;
  private static final int STATUS = DATA + 0x100;
  private static final int BODY = DATA + 0x1000;
  private static final int IN = 0;
  private static final int OUT = 1;
  private static final int FLUSH = 4;
  private static final int GET_ID = 8;
  private static final int IOERR = 1;
  private static final int UNSUPPORTED = 2;

  @TempDir private Path folder;

  private final VirtioMachine machine = new VirtioMachine();
  private @Nullable Device plugged;

  @AfterEach
  void close() {
    if (plugged != null) {
      plugged.close();
    }
  }

  private Path image() throws IOException {
    byte[] bytes = new byte[SECTORS * 512];
    new Random(1).nextBytes(bytes);
    return Files.write(folder.resolve("disk.img"), bytes);
  }

  private void plug(Path file) {
    machine.options.put("file", file.toString());
    plugged = machine.plugIn(new Block.Factory()::create);
    machine.start(16);
  }

  private void header(int type, long sector) {
    machine.ram.set(Layouts.LE32, HEADER, type);
    machine.ram.set(Layouts.LE64, HEADER + 8, sector);
  }

  /** Makes a request and returns its status. */
  private int request(int type, long sector, VirtioMachine.Part... body) {
    header(type, sector);
    machine.ram.set(Layouts.U8, STATUS, (byte) 0x55);
    VirtioMachine.Part[] parts = new VirtioMachine.Part[body.length + 2];
    parts[0] = out(HEADER, 16);
    System.arraycopy(body, 0, parts, 1, body.length);
    parts[body.length + 1] = in(STATUS, 1);
    int before = machine.usedIndex(0);
    machine.push(0, 0, parts);
    machine.kick(0);
    machine.until(() -> machine.usedIndex(0) != before);
    return machine.ram.get(Layouts.U8, STATUS);
  }

  @Test
  void shouldSayItsSize() throws IOException {
    plug(image());
    assertEquals(SECTORS, machine.read(VirtioPci.DEVICE, 8));
    assertEquals(512, machine.read(VirtioPci.DEVICE + 0x14, 4));
    assertEquals(0, machine.read(VirtioPci.DEVICE + 0x40, 4));
  }

  @Test
  void shouldReadWriteAndFlush() throws IOException {
    Path file = image();
    byte[] expected = Files.readAllBytes(file);
    plug(file);
    assertEquals(0, request(IN, 3, in(BODY, 512), in(BODY + 0x2000, 1024)));
    assertEquals(List.of(0, 1537), machine.usedElement(0, 0));
    assertArrayEquals(
        Arrays.copyOfRange(expected, 3 * 512, 4 * 512),
        Arrays.copyOfRange(machine.memory, BODY, BODY + 512));
    assertArrayEquals(
        Arrays.copyOfRange(expected, 4 * 512, 6 * 512),
        Arrays.copyOfRange(machine.memory, BODY + 0x2000, BODY + 0x2400));
    Arrays.fill(machine.memory, BODY, BODY + 512, (byte) 0x42);
    assertEquals(0, request(OUT, SECTORS - 1, out(BODY, 512)));
    assertEquals(0, request(FLUSH, 0));
    byte[] after = Files.readAllBytes(file);
    assertEquals(expected.length, after.length);
    assertArrayEquals(
        Arrays.copyOfRange(machine.memory, BODY, BODY + 512),
        Arrays.copyOfRange(after, (SECTORS - 1) * 512, SECTORS * 512));
  }

  @ParameterizedTest
  @CsvSource({
    "0, 64, 512, 1",
    "0, 63, 1024, 1",
    "0, -1, 512, 1",
    "0, 9223372036854775807, 512, 1",
    "0, 36028797018963968, 512, 1",
    "0, 0, 511, 1",
    "1, 64, 512, 1",
    "1, -1, 512, 1",
    "1, 0, 100, 1",
    "7, 0, 512, 2",
    "99, 0, 512, 2"
  })
  void shouldRefuseWhatIsNotOnTheDisk(int type, long sector, int bytes, int status)
      throws IOException {
    Path file = image();
    byte[] before = Files.readAllBytes(file);
    plug(file);
    VirtioMachine.Part body = type == OUT ? out(BODY, bytes) : in(BODY, bytes);
    assertEquals(status, request(type, sector, body));
    assertArrayEquals(before, Files.readAllBytes(file));
    assertEquals(List.of(), machine.reports);
  }

  @Test
  void shouldRefuseDataOutsideMemory() throws IOException {
    plug(image());
    assertEquals(IOERR, request(IN, 0, in(VirtioMachine.MEMORY_BYTES - 256, 512)));
    assertEquals(IOERR, request(OUT, 0, out(-512, 512)));
    assertEquals(0, request(IN, 0, in(BODY, 512)));
  }

  @Test
  void shouldAnswerRequestsWithoutHeaderOrStatus() throws IOException {
    plug(image());
    machine.push(0, 0, out(HEADER, 8));
    machine.push(0, 4, in(STATUS, 1));
    header(IN, 0);
    machine.push(0, 8, out(HEADER, 16));
    machine.kick(0);
    machine.until(() -> machine.usedIndex(0) == 3);
    assertEquals(IOERR, machine.memory[STATUS]);
    assertEquals(0xF, machine.status());
  }

  @Test
  void shouldSayItsName() throws IOException {
    plug(image());
    assertEquals(0, request(GET_ID, 0, in(BODY, 20)));
    assertEquals("dut0", new String(machine.memory, BODY, 4));
    assertEquals(IOERR, request(GET_ID, 0, in(BODY, 4)));
    assertEquals(UNSUPPORTED, request(11, 0));
  }

  @Test
  void shouldNotWriteAReadOnlyDisk() throws IOException {
    Path file = image();
    machine.options.put("readonly", "on");
    plug(file);
    assertEquals(1 << 5, machine.features(0) & 1 << 5);
    assertEquals(IOERR, request(OUT, 0, out(BODY, 512)));
    assertEquals(0, request(IN, 0, in(BODY, 512)));
  }

  @Test
  void shouldReportATruncatedDiskOnceAndGoOn() throws IOException {
    Path file = image();
    plug(file);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.truncate(1000);
    }
    assertEquals(IOERR, request(IN, 1, in(BODY, 512)));
    assertEquals(IOERR, request(IN, 5, in(BODY, 512)));
    assertEquals(0, request(IN, 0, in(BODY, 512)));
    assertEquals(1, machine.reports.size());
    assertTrue(machine.reports.getFirst().contains("truncated"), machine.reports::toString);
  }

  /** A disk that fails, or waits. */
  private static final class StrangeDisk implements Disk {
    final CountDownLatch go = new CountDownLatch(1);
    boolean full;

    @Override
    public long sectors() {
      return SECTORS;
    }

    @Override
    public boolean readOnly() {
      return false;
    }

    @Override
    public void read(long offset, MemorySegment target) throws IOException {
      try {
        go.await();
      } catch (InterruptedException e) {
        throw new IOException(e);
      }
      target.fill((byte) 7);
    }

    @Override
    public void write(long offset, MemorySegment source) throws IOException {
      if (full) {
        throw new IOException("No space left on device");
      }
    }

    @Override
    public void flush() {}

    @Override
    public void close() {
      go.countDown();
    }
  }

  private StrangeDisk plugStrange() {
    StrangeDisk disk = new StrangeDisk();
    plugged =
        machine.plugIn(context -> new VirtioPci(context, transport -> new Block(transport, disk)));
    machine.start(16);
    return disk;
  }

  @Test
  void shouldReportAFullDiskOnce() {
    plugStrange().full = true;
    assertEquals(IOERR, request(OUT, 0, out(BODY, 512)));
    assertEquals(IOERR, request(OUT, 0, out(BODY, 512)));
    assertEquals(
        List.of("writing at byte 0 failed, the guest gets an I/O error: No space left on device"),
        machine.reports);
  }

  @Test
  void shouldMakeTheRequestUnderWayAgainAfterRestore() {
    StrangeDisk disk = plugStrange();
    header(IN, 0);
    machine.push(0, 0, out(HEADER, 16), in(BODY, 512), in(STATUS, 1));
    machine.kick(0);
    machine.turn();
    assertEquals(0, machine.usedIndex(0), "waits for the disk, the guest does not");
    Device block = Objects.requireNonNull(plugged);
    byte[] saved = block.save();
    block.reset();
    disk.go.countDown();
    machine.turn();
    assertEquals(0, machine.usedIndex(0), "a reset drops what was under way");
    block.restore(saved);
    machine.until(() -> machine.usedIndex(0) == 1);
    assertEquals(0, machine.memory[STATUS]);
    assertEquals(7, machine.memory[BODY + 511]);
  }

  private void refused(String word, String file) {
    machine.options.put("file", file);
    HypervisorException refusal =
        assertThrows(HypervisorException.class, () -> new Block.Factory().create(machine));
    String sentence = String.valueOf(refusal.getMessage());
    assertTrue(sentence.contains(word) && sentence.lines().count() == 1, sentence);
  }

  @Test
  void shouldRefuseDisksItCannotUse() throws IOException {
    refused("does not exist", folder.resolve("nowhere").toString());
    refused("is not a file", folder.toString());
    refused("whole sectors", Files.write(folder.resolve("short"), new byte[1000]).toString());
    refused("whole sectors", Files.write(folder.resolve("empty"), new byte[0]).toString());
    Path file = image();
    try (FileChannel other = FileChannel.open(file, StandardOpenOption.WRITE)) {
      assertTrue(other.lock().isValid());
      refused("locked", file.toString());
    }
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("r--r--r--"));
    refused("cannot be written", file.toString()); // even for a superuser, who could
    machine.options.put("readonly", "on");
    machine.plugIn(new Block.Factory()::create).close();
    machine.options.put("readonly", "perhaps");
    refused("on or off", file.toString());
  }
}
