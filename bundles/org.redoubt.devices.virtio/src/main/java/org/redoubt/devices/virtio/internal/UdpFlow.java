package org.redoubt.devices.virtio.internal;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SelectionKey;

/** Datagrams between a port of the guest's and one other end. Under the device lock. */
final class UdpFlow implements Sockets.Handler, AutoCloseable {
  private static final int MOST_BYTES = 1472;
  private static final int MOST_AT_ONCE = 64;

  private final UserNet network;
  private final TcpFlow.Key key;
  private final DatagramChannel channel;
  private final SelectionKey selection;
  private long lastNs;

  UdpFlow(UserNet network, TcpFlow.Key key, InetSocketAddress to) throws IOException {
    this.network = network;
    this.key = key;
    channel = DatagramChannel.open();
    try {
      channel.connect(to);
      selection = network.sockets().add(channel, this);
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
    network.sockets().await(selection, SelectionKey.OP_READ);
  }

  long lastNs() {
    return lastNs;
  }

  /** The guest sends; what the host does not take is lost, as datagrams are. */
  void send(ByteBuffer data, long nowNs) {
    lastNs = nowNs;
    try {
      channel.write(data);
    } catch (IOException e) {
      // nobody listens there: the guest hears nothing
    }
  }

  @Override
  public void ready() {
    for (int i = 0; i < MOST_AT_ONCE; i++) {
      ByteBuffer data = ByteBuffer.allocate(MOST_BYTES + 1);
      try {
        if (channel.read(data) <= 0) {
          break;
        }
      } catch (IOException e) {
        break;
      }
      data.flip();
      if (data.remaining() <= MOST_BYTES) {
        lastNs = network.nowNs();
        network.toGuest(
            Packet.udp(key.remote(), key.remotePort(), UserNet.GUEST, key.guestPort(), data));
      }
    }
    network.sockets().await(selection, SelectionKey.OP_READ);
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      // it is gone all the same
    }
  }
}
