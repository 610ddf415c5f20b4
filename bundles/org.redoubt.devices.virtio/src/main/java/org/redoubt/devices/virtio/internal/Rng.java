package org.redoubt.devices.virtio.internal;

import java.lang.foreign.MemorySegment;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.Device;
import org.redoubt.api.device.DeviceContext;
import org.redoubt.api.device.DeviceFactory;

/**
 * The entropy device: fills what it is given with the machine's random numbers. Virtio 1.2, section
 * 5.4.
 *
 * <pre>
 *   queue 0  requests: parts to write only
 * </pre>
 */
final class Rng implements Model {
  private static final int MOST_BYTES = 4096;

  private final Transport transport;

  private Rng(Transport transport) {
    this.transport = transport;
  }

  @Override
  public int type() {
    return 4;
  }

  @Override
  public int classCode() {
    return 0x10_8000; // encryption controller, other
  }

  @Override
  public long features() {
    return 0;
  }

  @Override
  public int[] queues() {
    return new int[] {64};
  }

  @Override
  public byte[] config() {
    return new byte[0];
  }

  @Override
  public void serve(Virtqueue queue) {
    for (Chain chain = queue.take(); chain != null; chain = queue.take()) {
      byte[] bytes = new byte[(int) Math.min(chain.writableBytes(), MOST_BYTES)];
      transport.context().random(bytes);
      boolean written = chain.write(0, MemorySegment.ofArray(bytes));
      transport.finish(queue, chain, written ? bytes.length : 0);
    }
  }

  /** Makes it. */
  @Component(property = DeviceFactory.DEVICE_NAME + "=virtio-rng")
  public static final class Factory implements DeviceFactory {
    @Override
    public Device create(DeviceContext context) throws HypervisorException {
      return new VirtioPci(context, Rng::new);
    }
  }
}
