package org.redoubt.devices.virtio.internal;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.DeviceContext;
import org.redoubt.api.device.VirtualClock;

/**
 * A network of one guest, made of the host's sockets: no privileges, no interface on the host. The
 * addresses are those that QEMU's user network has.
 *
 * <pre>
 *   10.0.2.15  the guest, told by DHCP
 *   10.0.2.2   gateway, DHCP server; its ports are those of the host's loopback
 *   10.0.2.3   DNS: the host's first name server
 *   others     TCP and UDP go out from the host; what is sent to many, or to others of 10.0.2.0/24, goes nowhere
 * </pre>
 *
 * Frames come from the guest under the device lock; sockets never block. Everything the guest can
 * make grow has a bound.
 */
final class UserNet implements AutoCloseable {
  static final int GUEST = Packet.address(10, 0, 2, 15);
  static final int GATEWAY = Packet.address(10, 0, 2, 2);
  static final int DNS = Packet.address(10, 0, 2, 3);
  static final int MASK = 0xFFFF_FF00;

  private static final int FIRST_FORWARD_PORT = 49_152;
  private static final int MOST_FLOWS = 256;
  private static final long TICK_NS = 250_000_000L;
  private static final long UDP_IDLE_NS = 60_000_000_000L;
  private static final int ECHO_REQUEST = 8;
  private static final Pattern FORWARD = Pattern.compile("tcp:([0-9]{1,5})-([0-9]{1,5})");

  /** Where frames for the guest go. */
  @FunctionalInterface
  interface Link {
    void toGuest(byte[] frame);
  }

  private final Link link;
  private final VirtualClock clock;
  private final VirtualClock.Timer tick;
  private final Sockets sockets;
  private final Map<TcpFlow.Key, TcpFlow> tcp = new HashMap<>();
  private final Map<TcpFlow.Key, UdpFlow> udp = new HashMap<>();
  private final InetAddress resolver;
  private int forwardPort = FIRST_FORWARD_PORT;

  UserNet(DeviceContext context, Link link) throws HypervisorException {
    this.link = link;
    clock = context.clock();
    tick = clock.timer(context.name() + " tick", this::ticked);
    resolver = hostResolver();
    List<int[]> forwards = forwards(context);
    try {
      sockets = new Sockets(context);
    } catch (IOException e) {
      throw new HypervisorException("No sockets for device %s: %s".formatted(context.name(), e), e);
    }
    for (int[] forward : forwards) {
      try {
        listen(forward[0], forward[1]);
      } catch (IOException e) {
        sockets.close();
        throw new HypervisorException(
            "Device %s cannot listen at port %d of the loopback: %s"
                .formatted(context.name(), forward[0], e.getMessage()),
            e);
      }
    }
  }

  static byte[] guestMac() {
    return new byte[] {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
  }

  static byte[] gatewayMac() {
    return new byte[] {0x52, 0x55, 0x0A, 0x00, 0x02, 0x02};
  }

  Sockets sockets() {
    return sockets;
  }

  long nowNs() {
    return clock.nowNs();
  }

  void toGuest(byte[] frame) {
    link.toGuest(frame);
  }

  // Settings

  private static List<int[]> forwards(DeviceContext context) throws HypervisorException {
    List<int[]> forwards = new ArrayList<>();
    Optional<String> text = context.option("forward");
    for (String one : text.orElse("").split("[ ,]+")) {
      if (one.isEmpty()) {
        continue;
      }
      Matcher matcher = FORWARD.matcher(one);
      int host = matcher.matches() ? Integer.parseInt(matcher.group(1)) : 0;
      int guest = matcher.matches() ? Integer.parseInt(matcher.group(2)) : 0;
      if (host < 1 || host > 0xFFFF || guest < 1 || guest > 0xFFFF) {
        throw new HypervisorException(
            "Device %s forwards tcp:HOSTPORT-GUESTPORT, not '%s'.".formatted(context.name(), one));
      }
      forwards.add(new int[] {host, guest});
    }
    return forwards;
  }

  /** The first IPv4 name server of resolv.conf, else one on the loopback. */
  private static InetAddress hostResolver() {
    try {
      for (String line :
          Files.readAllLines(Path.of("/etc/resolv.conf"), StandardCharsets.ISO_8859_1)) {
        String[] words = line.trim().split("\\s+");
        if (words.length > 1 && words[0].equals("nameserver") && words[1].matches("[0-9.]+")) {
          return InetAddress.ofLiteral(words[1]);
        }
      }
    } catch (IOException | IllegalArgumentException e) {
      // none to be read there
    }
    return InetAddress.getLoopbackAddress();
  }

  // Frames from the guest

  /** A frame: 14 bytes at least, else ignored. */
  void fromGuest(byte[] frame) {
    if (frame.length < Packet.ETHERNET_BYTES) {
      return;
    }
    ByteBuffer in = ByteBuffer.wrap(frame);
    switch (Short.toUnsignedInt(in.getShort(12))) {
      case Packet.TYPE_ARP -> arp(in);
      case Packet.TYPE_IPV4 -> ipv4(in);
      default -> {} // IPv6 and others: nobody is there
    }
  }

  /** RFC 826: we are everybody in the network but the guest. */
  private void arp(ByteBuffer in) {
    if (in.limit() < 42 || in.getShort(0x14) != 1) {
      return;
    }
    int asked = in.getInt(0x26);
    if (asked != GATEWAY && asked != DNS) {
      return;
    }
    ByteBuffer out = ByteBuffer.allocate(42);
    out.put(guestMac()).put(gatewayMac()).putShort((short) Packet.TYPE_ARP);
    out.putShort((short) 1).putShort((short) Packet.TYPE_IPV4).put((byte) 6).put((byte) 4);
    out.putShort((short) 2).put(gatewayMac()).putInt(asked);
    out.put(guestMac()).putInt(in.getInt(0x1C));
    toGuest(out.array());
  }

  private void ipv4(ByteBuffer in) {
    int at = Packet.ETHERNET_BYTES;
    if (in.limit() < at + Packet.IP_BYTES || in.get(at) >> 4 != 4) {
      return;
    }
    int header = (in.get(at) & 0xF) * 4;
    int length = Short.toUnsignedInt(in.getShort(at + 2));
    boolean fragment = (in.getShort(at + 6) & 0x3FFF) != 0;
    if (header < Packet.IP_BYTES
        || length < header
        || at + length > in.limit()
        || fragment
        || Packet.sum(in.array(), at, at + header, 0) != 0xFFFF) {
      return;
    }
    int source = in.getInt(at + 12);
    int destination = in.getInt(at + 16);
    ByteBuffer body = in.slice(at + header, length - header);
    switch (in.get(at + 9)) {
      case Packet.ICMP -> icmp(source, destination, body);
      case Packet.UDP -> datagram(destination, body);
      case Packet.TCP -> segment(destination, body);
      default -> {} // nothing else goes out
    }
  }

  private void icmp(int source, int destination, ByteBuffer body) {
    boolean ours = destination == GATEWAY || destination == DNS;
    if (ours && body.remaining() >= 8 && body.get(0) == ECHO_REQUEST) {
      byte[] reply = new byte[body.remaining()];
      body.get(0, reply);
      reply[0] = 0;
      toGuest(Packet.icmp(destination, source, reply));
    }
  }

  /** Where the guest's destination is on the host's side; nowhere for what goes to many. */
  private @Nullable InetSocketAddress outside(int destination, int port) {
    if (port == 0) {
      return null;
    }
    if (destination == GATEWAY) {
      return new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
    }
    if (destination == DNS) {
      return port == 53 ? new InetSocketAddress(resolver, port) : null;
    }
    int first = destination >>> 24;
    if (first == 0 || first == 127 || first >= 224 || (destination & MASK) == (GUEST & MASK)) {
      return null;
    }
    try {
      byte[] address = ByteBuffer.allocate(4).putInt(destination).array();
      return new InetSocketAddress(InetAddress.getByAddress(address), port);
    } catch (UnknownHostException e) {
      throw new IllegalStateException("bug: four bytes are an address", e);
    }
  }

  private void datagram(int destination, ByteBuffer body) {
    if (body.remaining() < Packet.UDP_BYTES) {
      return;
    }
    int sourcePort = Short.toUnsignedInt(body.getShort(0));
    int port = Short.toUnsignedInt(body.getShort(2));
    int length = Short.toUnsignedInt(body.getShort(4));
    if (length < Packet.UDP_BYTES || length > body.remaining()) {
      return;
    }
    ByteBuffer data = body.slice(Packet.UDP_BYTES, length - Packet.UDP_BYTES);
    if (port == Dhcp.SERVER_PORT) {
      ByteBuffer answer = Dhcp.answer(data);
      if (answer != null) {
        toGuest(Packet.udp(GATEWAY, Dhcp.SERVER_PORT, -1, Dhcp.CLIENT_PORT, answer));
      }
      return;
    }
    InetSocketAddress to = outside(destination, port);
    if (to == null) {
      return;
    }
    TcpFlow.Key key = new TcpFlow.Key(sourcePort, destination, port);
    UdpFlow flow = udp.get(key);
    if (flow == null) {
      if (udp.size() >= MOST_FLOWS) {
        forgetOldest();
      }
      try {
        flow = new UdpFlow(this, key, to);
      } catch (IOException e) {
        return; // out of sockets: the datagram is lost
      }
      udp.put(key, flow);
      keepTicking();
    }
    flow.send(data, nowNs());
  }

  private void forgetOldest() {
    udp.entrySet().stream()
        .min(java.util.Comparator.comparingLong(entry -> entry.getValue().lastNs()))
        .ifPresent(oldest -> {
          oldest.getValue().close();
          udp.remove(oldest.getKey());
        });
  }

  private void segment(int destination, ByteBuffer body) {
    if (body.remaining() < Packet.TCP_BYTES) {
      return;
    }
    int header = (body.get(12) & 0xF0) >> 2;
    if (header < Packet.TCP_BYTES || header > body.remaining()) {
      return;
    }
    TcpFlow.Key key =
        new TcpFlow.Key(
            Short.toUnsignedInt(body.getShort(0)),
            destination,
            Short.toUnsignedInt(body.getShort(2)));
    int sequence = body.getInt(4);
    int acknowledgement = body.getInt(8);
    int flags = body.get(13);
    int window = Short.toUnsignedInt(body.getShort(14));
    ByteBuffer data = body.slice(header, body.remaining() - header);
    TcpFlow flow = tcp.get(key);
    if (flow != null && flow.closed()) {
      tcp.remove(key);
      flow = null;
    }
    if (flow != null) {
      flow.segment(sequence, acknowledgement, flags, window, data);
    } else if ((flags & (TcpFlow.SYN | TcpFlow.ACK | TcpFlow.RST)) == TcpFlow.SYN) {
      accept(key, sequence);
    } else if ((flags & TcpFlow.RST) == 0) {
      refuse(key, sequence + data.remaining(), acknowledgement);
    }
  }

  /** The guest opens a connection. */
  private void accept(TcpFlow.Key key, int sequence) {
    InetSocketAddress to = outside(key.remote(), key.remotePort());
    if (to == null || !roomForTcp()) {
      refuse(key, sequence + 1, 0);
      return;
    }
    try {
      SocketChannel channel = SocketChannel.open();
      TcpFlow flow = new TcpFlow(this, key, channel, sequenceNumber(), sequence + 1);
      tcp.put(key, flow);
      keepTicking();
      flow.connect(to);
    } catch (IOException e) {
      refuse(key, sequence + 1, 0);
    }
  }

  private static int sequenceNumber() {
    return ThreadLocalRandom.current().nextInt();
  }

  private boolean roomForTcp() {
    tcp.values().removeIf(TcpFlow::closed);
    return tcp.size() < MOST_FLOWS;
  }

  private void refuse(TcpFlow.Key key, int acknowledgement, int sequence) {
    toGuest(
        Packet.tcp(
            key.remote(),
            key.remotePort(),
            GUEST,
            key.guestPort(),
            sequence,
            acknowledgement,
            TcpFlow.RST | TcpFlow.ACK,
            0,
            0,
            ByteBuffer.allocate(0)));
  }

  // From the host into the guest

  private void listen(int hostPort, int guestPort) throws IOException {
    ServerSocketChannel server = ServerSocketChannel.open();
    server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), hostPort));
    SelectionKey[] key = new SelectionKey[1];
    key[0] =
        sockets.add(
            server,
            () -> {
              welcome(server, guestPort);
              sockets.await(key[0], SelectionKey.OP_ACCEPT);
            });
    sockets.await(key[0], SelectionKey.OP_ACCEPT);
  }

  private void welcome(ServerSocketChannel server, int guestPort) {
    try {
      SocketChannel client = server.accept();
      while (client != null) {
        if (roomForTcp()) {
          open(client, guestPort);
        } else {
          client.close();
        }
        client = server.accept();
      }
    } catch (IOException e) {
      // that client is gone again
    }
  }

  private void open(SocketChannel client, int guestPort) throws IOException {
    TcpFlow.Key key;
    do {
      forwardPort = forwardPort == 0xFFFF ? FIRST_FORWARD_PORT : forwardPort + 1;
      key = new TcpFlow.Key(guestPort, GATEWAY, forwardPort);
    } while (tcp.containsKey(key));
    TcpFlow flow = new TcpFlow(this, key, client, sequenceNumber(), 0);
    tcp.put(key, flow);
    keepTicking();
    flow.open();
  }

  // Time

  private void keepTicking() {
    tick.arm(nowNs() + TICK_NS);
  }

  private void ticked() {
    tcp.values().removeIf(TcpFlow::closed);
    for (TcpFlow flow : new ArrayList<>(tcp.values())) {
      flow.tick();
    }
    for (Iterator<UdpFlow> flows = udp.values().iterator(); flows.hasNext(); ) {
      UdpFlow flow = flows.next();
      if (nowNs() - flow.lastNs() > UDP_IDLE_NS) {
        flow.close();
        flows.remove();
      }
    }
    if (!tcp.isEmpty() || !udp.isEmpty()) {
      keepTicking();
    }
  }

  /** Ends all connections; forwarded ports stay open. */
  void reset() {
    tcp.values().forEach(TcpFlow::drop);
    tcp.clear();
    udp.values().forEach(UdpFlow::close);
    udp.clear();
    tick.cancel();
  }

  @Override
  public void close() {
    reset();
    sockets.close();
  }
}
