package org.redoubt.devices.virtio.internal;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.Device;
import org.redoubt.api.device.DeviceContext;
import org.redoubt.api.device.DeviceFactory;

/**
 * The network device, connected to {@link UserNet}. Virtio 1.2, section 5.1.
 *
 * <pre>
 *   configuration  00h MAC 6   06h STATUS 2: 0 link up
 *   features       5 MAC, 16 STATUS
 *   queue 0        to the guest; queue 1: from it; each frame behind a header of 12 bytes:
 *                  0Ah NUM_BUFFERS 2, one; all else zero, as no offload is offered
 * </pre>
 *
 * Options: {@code backend} ({@code user}), {@code forward} (such as {@code tcp:2222-22
 * tcp:8080-80}: ports of the host's loopback that lead into the guest). Connections are the host's
 * and are not saved: after a restore the guest finds them reset.
 */
final class Net implements Model, UserNet.Link {
  private static final int RECEIVE = 0;
  private static final int TRANSMIT = 1;
  private static final int HEADER_BYTES = 12;
  private static final int NUM_BUFFERS = 10;
  private static final int MOST_FRAME_BYTES = 1514;
  private static final int MOST_WAITING = 256;
  private static final long FEATURES = 1 << 5 | 1 << 16;

  private final Transport transport;
  private final UserNet network;
  private final ArrayDeque<byte[]> waiting = new ArrayDeque<>();

  private Net(Transport transport) throws HypervisorException {
    this.transport = transport;
    network = new UserNet(transport.context(), this);
  }

  @Override
  public int type() {
    return 1;
  }

  @Override
  public int classCode() {
    return 0x02_0000; // Ethernet
  }

  @Override
  public long features() {
    return FEATURES;
  }

  @Override
  public int[] queues() {
    return new int[] {256, 256};
  }

  @Override
  public byte[] config() {
    byte[] config = java.util.Arrays.copyOf(UserNet.guestMac(), 8);
    config[6] = 1;
    return config;
  }

  @Override
  public void serve(Virtqueue queue) {
    if (queue.index() == RECEIVE) {
      deliver(queue);
    } else if (queue.index() == TRANSMIT) {
      send(queue);
    }
  }

  private void send(Virtqueue queue) {
    for (Chain chain = queue.take(); chain != null; chain = queue.take()) {
      long bytes = chain.readableBytes() - HEADER_BYTES;
      if (bytes > 0 && bytes <= MOST_FRAME_BYTES) {
        byte[] frame = new byte[(int) bytes];
        if (chain.read(HEADER_BYTES, MemorySegment.ofArray(frame))) {
          transport.finish(queue, chain, 0);
          network.fromGuest(frame);
          continue;
        }
      }
      transport.finish(queue, chain, 0);
    }
  }

  private void deliver(Virtqueue queue) {
    for (byte[] frame = waiting.peek(); frame != null; frame = waiting.peek()) {
      Chain chain = queue.take();
      if (chain == null) {
        return;
      }
      byte[] whole = new byte[HEADER_BYTES + frame.length];
      whole[NUM_BUFFERS] = 1;
      System.arraycopy(frame, 0, whole, HEADER_BYTES, frame.length);
      boolean written = chain.write(0, MemorySegment.ofArray(whole));
      transport.finish(queue, chain, written ? whole.length : 0);
      waiting.remove();
    }
  }

  /** Beyond what may wait, frames are lost, as on any network. */
  @Override
  public void toGuest(byte[] frame) {
    if (waiting.size() < MOST_WAITING) {
      waiting.add(frame);
      transport.resume(RECEIVE);
    }
  }

  @Override
  public void reset() {
    waiting.clear();
    network.reset();
  }

  @Override
  public void close() {
    network.close();
  }

  /** Makes it. */
  @Component(property = DeviceFactory.DEVICE_NAME + "=virtio-net")
  public static final class Factory implements DeviceFactory {
    @Override
    public Device create(DeviceContext context) throws HypervisorException {
      String backend = context.option("backend").orElse("user");
      if (!backend.equals("user")) {
        throw new HypervisorException(
            "Device %s has no network backend '%s'; there is: user."
                .formatted(context.name(), backend));
      }
      return new VirtioPci(context, Net::new);
    }
  }
}
