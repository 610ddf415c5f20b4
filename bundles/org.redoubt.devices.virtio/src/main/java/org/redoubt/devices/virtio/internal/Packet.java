package org.redoubt.devices.virtio.internal;

import java.nio.ByteBuffer;

/**
 * Bytes of Ethernet frames, big-endian. RFC 791, 768, 9293.
 *
 * <pre>
 *   Ethernet   00h DESTINATION 6   06h SOURCE 6   0Ch TYPE 2
 *   IPv4       0Eh VERSION, IHL 1   10h LENGTH 2   14h FRAGMENT 2   16h TTL 1   17h PROTOCOL 1   18h CHECKSUM 2
 *              1Ah SOURCE 4   1Eh DESTINATION 4
 *   then       22h UDP: SOURCE 2, DESTINATION 2, LENGTH 2, CHECKSUM 2
 *              22h TCP: SOURCE 2, DESTINATION 2, SEQUENCE 4, ACKNOWLEDGEMENT 4, OFFSET 1, FLAGS 1, WINDOW 2, CHECKSUM 2
 * </pre>
 */
final class Packet {
  static final int ETHERNET_BYTES = 14;
  static final int IP_BYTES = 20;
  static final int UDP_BYTES = 8;
  static final int TCP_BYTES = 20;
  static final int TYPE_IPV4 = 0x0800;
  static final int TYPE_ARP = 0x0806;
  static final int ICMP = 1;
  static final int TCP = 6;
  static final int UDP = 17;
  private static final int TTL = 64;

  private Packet() {}

  /** Ones' complement sum of a range, folded. RFC 1071. */
  static int sum(byte[] bytes, int from, int to, int start) {
    int sum = start;
    for (int i = from; i < to; i++) {
      sum += (i - from & 1) == 0 ? (bytes[i] & 0xFF) << 8 : bytes[i] & 0xFF;
    }
    while (sum >>> 16 != 0) {
      sum = (sum & 0xFFFF) + (sum >>> 16);
    }
    return sum;
  }

  private static int pseudoHeader(int source, int destination, int protocol, int length) {
    return (source >>> 16)
        + (source & 0xFFFF)
        + (destination >>> 16)
        + (destination & 0xFFFF)
        + protocol
        + length;
  }

  /** A frame to the guest with an IPv4 header; {@code length} bytes follow that. */
  private static ByteBuffer ip(int source, int destination, int protocol, int length) {
    byte[] frame = new byte[ETHERNET_BYTES + IP_BYTES + length];
    ByteBuffer out = ByteBuffer.wrap(frame);
    out.put(UserNet.guestMac()).put(UserNet.gatewayMac()).putShort((short) TYPE_IPV4);
    out.put((byte) 0x45).put((byte) 0).putShort((short) (IP_BYTES + length)).putInt(0x4000);
    out.put((byte) TTL).put((byte) protocol).putShort((short) 0);
    out.putInt(source).putInt(destination);
    int checksum = ~sum(frame, ETHERNET_BYTES, ETHERNET_BYTES + IP_BYTES, 0);
    return out.putShort(0x18, (short) checksum);
  }

  /** An ICMP message to the guest. */
  static byte[] icmp(int source, int destination, byte[] message) {
    ByteBuffer out = ip(source, destination, ICMP, message.length);
    out.put(message);
    int at = ETHERNET_BYTES + IP_BYTES;
    out.putShort(at + 2, (short) 0);
    return out.putShort(at + 2, (short) ~sum(out.array(), at, at + message.length, 0)).array();
  }

  /** A datagram to the guest. */
  static byte[] udp(int source, int sourcePort, int destination, int port, ByteBuffer data) {
    int length = UDP_BYTES + data.remaining();
    ByteBuffer out = ip(source, destination, UDP, length);
    out.putShort((short) sourcePort).putShort((short) port).putShort((short) length);
    out.putShort((short) 0).put(data);
    int at = ETHERNET_BYTES + IP_BYTES;
    int sum =
        ~sum(out.array(), at, at + length, pseudoHeader(source, destination, UDP, length)) & 0xFFFF;
    return out.putShort(at + 6, (short) (sum == 0 ? 0xFFFF : sum)).array();
  }

  /**
   * A segment to the guest.
   *
   * @param mss announced with a SYN, else 0
   */
  static byte[] tcp(
      int source,
      int sourcePort,
      int destination,
      int port,
      int sequence,
      int acknowledgement,
      int flags,
      int window,
      int mss,
      ByteBuffer data) {
    int header = TCP_BYTES + (mss == 0 ? 0 : 4);
    int length = header + data.remaining();
    ByteBuffer out = ip(source, destination, TCP, length);
    out.putShort((short) sourcePort).putShort((short) port);
    out.putInt(sequence).putInt(acknowledgement);
    out.put((byte) (header << 2)).put((byte) flags).putShort((short) window).putInt(0);
    if (mss != 0) {
      out.putInt(0x0204_0000 | mss);
    }
    out.put(data);
    int at = ETHERNET_BYTES + IP_BYTES;
    int sum = sum(out.array(), at, at + length, pseudoHeader(source, destination, TCP, length));
    return out.putShort(at + 16, (short) ~sum).array();
  }

  /** An address such as 10.0.2.2. */
  static int address(int a, int b, int c, int d) {
    return a << 24 | b << 16 | c << 8 | d;
  }
}
