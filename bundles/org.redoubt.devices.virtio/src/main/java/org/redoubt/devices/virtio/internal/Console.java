package org.redoubt.devices.virtio.internal;

import java.lang.foreign.MemorySegment;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.CharInput;
import org.redoubt.api.device.CharOutput;
import org.redoubt.api.device.Device;
import org.redoubt.api.device.DeviceContext;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.struct.Layouts;

/**
 * The console device, one port. Virtio 1.2, section 5.3.
 *
 * <pre>
 *   configuration  00h COLS 2   02h ROWS 2
 *   features       0 SIZE
 *   queue 0        to the guest; queue 1: from it
 * </pre>
 *
 * Options: {@code cols} (80), {@code rows} (24). It has the machine's console when the machine's
 * option {@code console} names it.
 */
final class Console implements Model, CharInput {
  private static final int RECEIVE = 0;
  private static final int TRANSMIT = 1;
  private static final int CHUNK = 4096;
  private static final int MOST_WAITING = 256;

  private final Transport transport;
  private final CharOutput output;
  private final int cols;
  private final int rows;
  private final byte[] waiting = new byte[MOST_WAITING];
  private int count;

  private Console(Transport transport) throws HypervisorException {
    this.transport = transport;
    cols = Options.number(transport.context(), "cols", 80, 1, 0xFFFF);
    rows = Options.number(transport.context(), "rows", 24, 1, 0xFFFF);
    output = transport.context().console(this);
  }

  @Override
  public int type() {
    return 3;
  }

  @Override
  public int classCode() {
    return 0x07_8000; // communication controller, other
  }

  @Override
  public long features() {
    return 1;
  }

  @Override
  public int[] queues() {
    return new int[] {64, 64};
  }

  @Override
  public byte[] config() {
    byte[] config = new byte[4];
    MemorySegment fields = MemorySegment.ofArray(config);
    fields.set(Layouts.LE16, 0, (short) cols);
    fields.set(Layouts.LE16, 2, (short) rows);
    return config;
  }

  @Override
  public boolean receive(int value) {
    if (count == MOST_WAITING) {
      return false;
    }
    waiting[count++] = (byte) value;
    transport.resume(RECEIVE);
    return true;
  }

  @Override
  public void serve(Virtqueue queue) {
    if (queue.index() == RECEIVE) {
      deliver(queue);
    } else if (queue.index() == TRANSMIT) {
      send(queue);
    }
  }

  private void deliver(Virtqueue queue) {
    boolean wasFull = count == MOST_WAITING;
    while (count > 0) {
      Chain chain = queue.take();
      if (chain == null) {
        return;
      }
      int part = (int) Math.min(chain.writableBytes(), count);
      boolean written = chain.write(0, MemorySegment.ofArray(waiting).asSlice(0, part));
      transport.finish(queue, chain, written ? part : 0);
      System.arraycopy(waiting, part, waiting, 0, count - part);
      count -= part;
    }
    if (wasFull) {
      output.ready();
    }
  }

  private void send(Virtqueue queue) {
    byte[] bytes = new byte[CHUNK];
    for (Chain chain = queue.take(); chain != null; chain = queue.take()) {
      // A page at most for a chain: Linux sends no more.
      int length = (int) Math.min(chain.readableBytes(), CHUNK);
      if (chain.read(0, MemorySegment.ofArray(bytes).asSlice(0, length))) {
        for (int i = 0; i < length; i++) {
          output.send(bytes[i] & 0xFF);
        }
      }
      transport.finish(queue, chain, 0);
    }
  }

  @Override
  public void reset() {
    count = 0;
  }

  @Override
  public long[] save() {
    long[] values = new long[1 + MOST_WAITING];
    values[0] = count;
    for (int i = 0; i < count; i++) {
      values[1 + i] = waiting[i];
    }
    return values;
  }

  @Override
  public void restore(long[] values) {
    count = (int) Math.clamp(values[0], 0, MOST_WAITING);
    for (int i = 0; i < count; i++) {
      waiting[i] = (byte) values[1 + i];
    }
  }

  /** Makes it. */
  @Component(property = DeviceFactory.DEVICE_NAME + "=virtio-console")
  public static final class Factory implements DeviceFactory {
    @Override
    public Device create(DeviceContext context) throws HypervisorException {
      return new VirtioPci(context, Console::new);
    }
  }
}
