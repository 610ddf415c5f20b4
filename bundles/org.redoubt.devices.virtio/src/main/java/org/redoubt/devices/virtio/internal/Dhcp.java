package org.redoubt.devices.virtio.internal;

import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Gives the guest its one address. RFC 2131, 2132.
 *
 * <pre>
 *   00h OP 1   01h HTYPE 1   02h HLEN 1   04h XID 4   0Ah FLAGS 2   10h YIADDR 4   14h SIADDR 4   1Ch CHADDR 16
 *   ECh COOKIE 63825363h   F0h options: code 1, length 1, value
 *   options used: 53 kind, 1 mask, 3 router, 6 DNS server, 51 lease in seconds, 54 server, 50 address asked for
 * </pre>
 */
final class Dhcp {
  static final int SERVER_PORT = 67;
  static final int CLIENT_PORT = 68;
  private static final int COOKIE_AT = 0xEC;
  private static final int OPTIONS_AT = 0xF0;
  private static final int COOKIE = 0x6382_5363;
  private static final int REPLY_BYTES = 300;
  private static final int DISCOVER = 1;
  private static final int OFFER = 2;
  private static final int REQUEST = 3;
  private static final int ACK = 5;
  private static final int NAK = 6;
  private static final int LEASE_SECONDS = 86_400;

  private Dhcp() {}

  /** The answer to a message; nothing to one that is damaged or asks for nothing. */
  static @Nullable ByteBuffer answer(ByteBuffer message) {
    if (message.remaining() < OPTIONS_AT
        || message.get(message.position()) != 1
        || message.getInt(message.position() + COOKIE_AT) != COOKIE) {
      return null;
    }
    byte[] kind = option(message, 53);
    if (kind.length != 1 || kind[0] != DISCOVER && kind[0] != REQUEST) {
      return null;
    }
    byte[] wanted = option(message, 50);
    boolean other =
        kind[0] == REQUEST
            && wanted.length == 4
            && ByteBuffer.wrap(wanted).getInt() != UserNet.GUEST;
    ByteBuffer reply = ByteBuffer.allocate(REPLY_BYTES);
    reply.put((byte) 2).put((byte) 1).put((byte) 6);
    reply.putInt(4, message.getInt(message.position() + 4));
    reply.putShort(0xA, message.getShort(message.position() + 0xA));
    if (!other) {
      reply.putInt(0x10, UserNet.GUEST);
    }
    reply.putInt(0x14, UserNet.GATEWAY);
    for (int i = 0; i < 16; i++) {
      reply.put(0x1C + i, message.get(message.position() + 0x1C + i));
    }
    reply.putInt(COOKIE_AT, COOKIE);
    reply.position(OPTIONS_AT);
    int answer = other ? NAK : kind[0] == DISCOVER ? OFFER : ACK;
    reply.put((byte) 53).put((byte) 1).put((byte) answer);
    reply.put((byte) 54).put((byte) 4).putInt(UserNet.GATEWAY);
    if (!other) {
      reply.put((byte) 51).put((byte) 4).putInt(LEASE_SECONDS);
      reply.put((byte) 1).put((byte) 4).putInt(UserNet.MASK);
      reply.put((byte) 3).put((byte) 4).putInt(UserNet.GATEWAY);
      reply.put((byte) 6).put((byte) 4).putInt(UserNet.DNS);
    }
    reply.put((byte) 0xFF);
    return reply.rewind();
  }

  /** The value of an option; empty if it is not there or not whole. */
  private static byte[] option(ByteBuffer message, int code) {
    int at = message.position() + OPTIONS_AT;
    while (at + 1 < message.limit()) {
      int found = message.get(at) & 0xFF;
      if (found == 0xFF) {
        break;
      }
      if (found == 0) {
        at++;
        continue;
      }
      int length = message.get(at + 1) & 0xFF;
      if (at + 2 + length > message.limit()) {
        break;
      }
      if (found == code) {
        byte[] value = new byte[length];
        message.get(at + 2, value);
        return value;
      }
      at += 2 + length;
    }
    return Arrays.copyOf(new byte[0], 0);
  }
}
