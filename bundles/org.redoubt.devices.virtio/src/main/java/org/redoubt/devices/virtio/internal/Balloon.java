package org.redoubt.devices.virtio.internal;

import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.Device;
import org.redoubt.api.device.DeviceContext;
import org.redoubt.api.device.DeviceFactory;

/**
 * The memory balloon, of which only the reporting of free pages is in use: the guest names runs of
 * pages that it does not need, and waits with using them until the host has had their memory.
 * Virtio 1.2, section 5.5.
 *
 * <pre>
 *   configuration  00h NUM_PAGES 4, always 0   04h ACTUAL 4, as the guest writes it
 *   features       5 REPORTING
 *   queues 0, 1    to inflate and deflate; since NUM_PAGES is 0, nothing is due there
 *   queues 2 to 4  reports: free pages as parts to write. Section 5.5.2 has them at 4; Linux does not count the
 *                  queues of features that are not offered, and has them at 2
 * </pre>
 *
 * Option: {@code reporting}, which is {@code on} or {@code off} (on).
 */
final class Balloon implements Model {
  private static final int REPORTING = 1 << 5;
  private static final int FIRST_REPORTS = 2;
  private static final int QUEUES = 5;

  /** Looked at of one report: what Linux can put into one at most. */
  private static final long MOST_BYTES = 32L * (4 << 20);

  private final Transport transport;
  private final boolean reporting;
  private boolean agreed;
  private int actual;

  private Balloon(Transport transport) throws HypervisorException {
    this.transport = transport;
    reporting = Options.onOff(transport.context(), "reporting", true);
  }

  @Override
  public int type() {
    return 5;
  }

  @Override
  public int classCode() {
    return 0x05_8000; // memory controller, other
  }

  @Override
  public long features() {
    return reporting ? REPORTING : 0;
  }

  @Override
  public int[] queues() {
    int[] sizes = new int[QUEUES];
    java.util.Arrays.fill(sizes, 64);
    return sizes;
  }

  @Override
  public byte[] config() {
    return new byte[] {
      0, 0, 0, 0, (byte) actual, (byte) (actual >> 8), (byte) (actual >> 16), (byte) (actual >> 24)
    };
  }

  @Override
  public void writeConfig(int offset, int value) {
    if (offset >= 4 && offset < 8) {
      int shift = 8 * (offset - 4);
      actual = actual & ~(0xFF << shift) | value << shift;
    }
  }

  @Override
  public void started(long features) {
    agreed = (features & REPORTING) != 0;
  }

  @Override
  public void serve(Virtqueue queue) {
    for (Chain chain = queue.take(); chain != null; chain = queue.take()) {
      if (queue.index() >= FIRST_REPORTS && agreed) {
        chain.discard(MOST_BYTES);
      }
      transport.finish(queue, chain, 0);
    }
  }

  @Override
  public void reset() {
    agreed = false;
    actual = 0;
  }

  @Override
  public long[] save() {
    return new long[] {actual};
  }

  @Override
  public void restore(long[] values) {
    actual = (int) values[0];
  }

  /** Makes it. */
  @Component(property = DeviceFactory.DEVICE_NAME + "=virtio-balloon")
  public static final class Factory implements DeviceFactory {
    @Override
    public Device create(DeviceContext context) throws HypervisorException {
      return new VirtioPci(context, Balloon::new);
    }
  }
}
