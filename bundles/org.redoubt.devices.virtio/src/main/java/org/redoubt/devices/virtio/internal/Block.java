package org.redoubt.devices.virtio.internal;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.Device;
import org.redoubt.api.device.DeviceContext;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.api.device.VirtualClock;
import org.redoubt.struct.Layouts;

/**
 * The block device. Virtio 1.2, section 5.2.
 *
 * <pre>
 *   configuration  00h CAPACITY 8, in sectors   08h SIZE_MAX 4   0Ch SEG_MAX 4   14h BLK_SIZE 4
 *   features       1 SIZE_MAX, 2 SEG_MAX, 5 RO, 6 BLK_SIZE, 9 FLUSH
 *   queue 0        requests: 00h TYPE 4, 08h SECTOR 8, to read; data; STATUS 1, to write
 *                  types: 0 IN, 1 OUT, 4 FLUSH, 8 GET_ID (20 bytes); status: 0 OK, 1 IOERR, 2 UNSUPP
 * </pre>
 *
 * Options: {@code file}, a raw image; {@code readonly} ({@code off}).
 *
 * <p>One request is under way at a time. Files are touched by a thread of the device's own, guest
 * memory only under the device lock and while the machine runs: the thread's result is taken up by
 * a timer. A request under way when the state is saved is made once more after it is restored.
 */
final class Block implements Model {
  private static final int SIZE_MAX = 1 << 16;
  private static final int SEG_MAX = 126;
  private static final int MOST_BYTES = SIZE_MAX * SEG_MAX;
  private static final int LEAST_BUFFER_BYTES = 1 << 17;
  private static final int HEADER_BYTES = 16;
  private static final int ID_BYTES = 20;
  private static final int CONFIG_BYTES = 24;
  private static final long FEATURES = 1 << 1 | 1 << 2 | 1 << 6 | 1 << 9;
  private static final long READ_ONLY = 1 << 5;

  private static final int PATIENCE_SECONDS = 20;

  private static final int IN = 0;
  private static final int OUT = 1;
  private static final int FLUSH = 4;
  private static final int GET_ID = 8;

  private static final int OK = 0;
  private static final int IOERR = 1;
  private static final int UNSUPPORTED = 2;
  private static final int UNDER_WAY = -1;

  /** What the thread works on. */
  private static final class Job {
    final Chain chain;
    final int type;
    final long offset;

    /** The buffer, and the part of it that is used. */
    final MemorySegment buffer;

    final MemorySegment data;
    volatile int status = UNDER_WAY;

    Job(Chain chain, int type, long offset, MemorySegment buffer, int bytes) {
      this.chain = chain;
      this.type = type;
      this.offset = offset;
      this.buffer = buffer;
      this.data = buffer.asSlice(0, bytes);
    }
  }

  private final Transport transport;
  private final Disk disk;
  private final ExecutorService thread;
  private final VirtualClock.Timer done;
  private final MemorySegment scratch = MemorySegment.ofArray(new byte[HEADER_BYTES]);
  private @Nullable Job job;
  private MemorySegment spare = MemorySegment.NULL;

  /** Sectors are not the guest's to mend: said once. That thread's. */
  private boolean failureSaid;

  Block(Transport transport, Disk disk) {
    this.transport = transport;
    this.disk = disk;
    String name = transport.context().name();
    thread =
        Executors.newSingleThreadExecutor(
            Thread.ofPlatform().daemon(true).name("redoubt " + name).factory());
    done = transport.context().clock().timer(name, () -> transport.resume(0));
  }

  @Override
  public int type() {
    return 2;
  }

  @Override
  public int classCode() {
    return 0x01_8000; // mass storage, other
  }

  @Override
  public long features() {
    return FEATURES | (disk.readOnly() ? READ_ONLY : 0);
  }

  @Override
  public int[] queues() {
    return new int[] {256};
  }

  @Override
  public byte[] config() {
    return ByteBuffer.allocate(CONFIG_BYTES)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(disk.sectors())
        .putInt(SIZE_MAX)
        .putInt(SEG_MAX)
        .putInt(0) // no geometry
        .putInt(Disk.SECTOR_BYTES)
        .array();
  }

  @Override
  public void serve(Virtqueue queue) {
    Job under = job;
    if (under != null) {
      if (under.status == UNDER_WAY) {
        return;
      }
      end(queue, under);
    }
    while (job == null) {
      Chain chain = queue.take();
      if (chain == null) {
        return;
      }
      begin(queue, chain);
    }
  }

  private void begin(Virtqueue queue, Chain chain) {
    if (!chain.read(0, scratch) || chain.writableBytes() < 1) {
      answer(queue, chain, IOERR, 0);
      return;
    }
    int type = scratch.get(Layouts.LE32, 0);
    long sector = scratch.get(Layouts.LE64, 8);
    switch (type) {
      case IN -> {
        long bytes = chain.writableBytes() - 1;
        if (!fits(sector, bytes)) {
          answer(queue, chain, IOERR, 0);
        } else {
          start(job(chain, type, sector, (int) bytes));
        }
      }
      case OUT -> {
        long bytes = chain.readableBytes() - HEADER_BYTES;
        if (disk.readOnly() || !fits(sector, bytes)) {
          answer(queue, chain, IOERR, 0);
          return;
        }
        Job next = job(chain, type, sector, (int) bytes);
        if (chain.read(HEADER_BYTES, next.data)) {
          start(next);
        } else {
          answer(queue, chain, IOERR, 0);
        }
      }
      case FLUSH -> start(job(chain, type, 0, 0));
      case GET_ID -> identify(queue, chain);
      default -> answer(queue, chain, UNSUPPORTED, 0);
    }
  }

  /** Whole sectors, within the disk, and no more than we announce. */
  private boolean fits(long sector, long bytes) {
    return bytes >= 0
        && bytes <= MOST_BYTES
        && bytes % Disk.SECTOR_BYTES == 0
        && sector >= 0
        && sector <= disk.sectors() - bytes / Disk.SECTOR_BYTES;
  }

  private void identify(Virtqueue queue, Chain chain) {
    byte[] id = new byte[ID_BYTES];
    byte[] name = transport.context().name().getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(name, 0, id, 0, Math.min(name.length, ID_BYTES));
    boolean written = chain.writableBytes() > ID_BYTES && chain.write(0, MemorySegment.ofArray(id));
    answer(queue, chain, written ? OK : IOERR, written ? ID_BYTES : 0);
  }

  /** The status goes into the last byte, wherever the data end. */
  private void answer(Virtqueue queue, Chain chain, int status, long data) {
    scratch.set(Layouts.U8, 0, (byte) status);
    boolean told =
        chain.writableBytes() > 0 && chain.write(chain.writableBytes() - 1, scratch.asSlice(0, 1));
    transport.finish(queue, chain, told ? data + 1 : 0);
  }

  /** A job has a buffer until it ends; one that a reset drops takes it along. */
  private Job job(Chain chain, int type, long sector, int bytes) {
    MemorySegment buffer =
        spare.byteSize() >= bytes
            ? spare
            : Arena.ofAuto().allocate(Math.max(bytes, LEAST_BUFFER_BYTES));
    spare = MemorySegment.NULL;
    return new Job(chain, type, sector * Disk.SECTOR_BYTES, buffer, bytes);
  }

  private void start(Job next) {
    job = next;
    if (transport.context().clock().counted()) {
      work(next); // when it is done must not depend on the host
    } else {
      thread.execute(() -> work(next));
    }
  }

  /** On the device's thread, but where time is counted. */
  private void work(Job next) {
    int status = OK;
    try {
      switch (next.type) {
        case IN -> disk.read(next.offset, next.data);
        case OUT -> disk.write(next.offset, next.data);
        default -> disk.flush();
      }
    } catch (IOException e) {
      status = IOERR;
      if (!failureSaid) {
        failureSaid = true;
        transport
            .context()
            .report(
                "%s at byte %d failed, the guest gets an I/O error: %s"
                    .formatted(
                        next.type == IN ? "reading" : next.type == OUT ? "writing" : "flushing",
                        next.offset,
                        e.getMessage()));
      }
    }
    next.status = status;
    done.arm(0);
  }

  private void end(Virtqueue queue, Job ended) {
    int status = ended.status;
    long data = 0;
    if (ended.type == IN && status == OK) {
      if (ended.chain.write(0, ended.data)) {
        data = ended.data.byteSize();
      } else {
        status = IOERR;
      }
    }
    answer(queue, ended.chain, status, data);
    spare = ended.buffer;
    job = null;
  }

  @Override
  public void reset() {
    job = null;
    done.cancel();
  }

  /** The thread ends what it is at; the file is closed after that. */
  @Override
  public void close() {
    thread.execute(disk::close);
    thread.shutdown();
    boolean interrupted = false;
    try {
      if (!thread.awaitTermination(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        transport.context().report("the disk does not answer, and stays open");
      }
    } catch (InterruptedException e) {
      interrupted = true;
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Makes it. */
  @Component(property = DeviceFactory.DEVICE_NAME + "=virtio-blk")
  public static final class Factory implements DeviceFactory {
    @Override
    public Device create(DeviceContext context) throws HypervisorException {
      String file =
          context
              .option("file")
              .orElseThrow(() ->
                  new HypervisorException(
                      "Device %s needs the option file, a disk image.".formatted(context.name())));
      boolean readOnly = Options.onOff(context, "readonly", false);
      return new VirtioPci(
          context, transport -> new Block(transport, DiskFile.open(file, readOnly)));
    }
  }
}
