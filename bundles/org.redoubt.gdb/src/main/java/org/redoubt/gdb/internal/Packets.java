package org.redoubt.gdb.internal;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Packets on a stream: {@code $data#checksum}, acknowledged by {@code +} or {@code -} until that is
 * turned off. Text is in ISO 8859-1, a character for each byte. GDB manual, appendix E.1.
 *
 * <p>One thread reads, another may write.
 */
final class Packets {
  /** Most bytes of a packet's data, either way. */
  static final int MOST_BYTES = 0x4000;

  /** What {@link #read} returns for Ctrl-C. */
  static final String INTERRUPT = "\u0003";

  /** So many damaged packets in a row, or packets that the other side could not read. */
  private static final int PATIENCE = 16;

  private static final int ESCAPE = '}';
  private static final int ESCAPED_BY = 0x20;

  private final InputStream in;
  private final OutputStream out;
  private volatile boolean acknowledges = true;
  private byte[] last = {};
  private int resent;

  Packets(InputStream in, OutputStream out) {
    this.in = in;
    this.out = out;
  }

  /** No acknowledgements from now on. */
  void stopAcknowledging() {
    acknowledges = false;
  }

  /**
   * The next packet's data, not unescaped, or {@link #INTERRUPT}; null at the end of the stream.
   *
   * @throws ProtocolException at anything else, and at a packet that is too long
   */
  @Nullable String read() throws IOException {
    int damaged = 0;
    while (true) {
      int first = in.read();
      switch (first) {
        case -1 -> {
          return null;
        }
        case 3 -> {
          return INTERRUPT;
        }
        case '+' -> resent = 0;
        case '-' -> resend();
        case '$' -> {
          String data = data();
          if (data != null) {
            return data;
          }
          if (++damaged == PATIENCE) {
            throw new ProtocolException("packets with wrong checksums");
          }
        }
        default -> throw new ProtocolException("a byte of %xh between packets".formatted(first));
      }
    }
  }

  /** Behind the dollar sign: null if the checksum is wrong. */
  private @Nullable String data() throws IOException {
    StringBuilder data = new StringBuilder();
    int sum = 0;
    for (int next = in.read(); next != '#'; next = in.read()) {
      if (next < 0) {
        throw new ProtocolException("half a packet");
      }
      if (next == '$') { // the other side has begun anew
        data.setLength(0);
        sum = 0;
        continue;
      }
      if (data.length() == MOST_BYTES) {
        throw new ProtocolException("a packet of more than %d bytes".formatted(MOST_BYTES));
      }
      sum += next;
      data.append((char) next);
    }
    int high = in.read();
    int low = in.read();
    if (low < 0) {
      throw new ProtocolException("half a packet");
    }
    int expected = Character.digit(high, 16) << 4 | Character.digit(low, 16);
    boolean good = (sum & 0xff) == expected || !acknowledges;
    if (acknowledges) {
      write(new byte[] {(byte) (good ? '+' : '-')});
    }
    return good ? data.toString() : null;
  }

  private void resend() throws IOException {
    if (++resent > PATIENCE) {
      throw new ProtocolException("more than %d refusals of one packet".formatted(PATIENCE));
    }
    write(last);
  }

  private synchronized void write(byte[] bytes) throws IOException {
    out.write(bytes);
    out.flush();
  }

  /** Sends a packet; escapes what must be. */
  synchronized void send(String data) throws IOException {
    StringBuilder text = new StringBuilder(data.length() + 4).append('$');
    for (int i = 0; i < data.length(); i++) {
      char c = data.charAt(i);
      if (c == '$' || c == '#' || c == ESCAPE || c == '*') {
        text.append((char) ESCAPE).append((char) (c ^ ESCAPED_BY));
      } else {
        text.append(c);
      }
    }
    int sum = 0;
    for (int i = 1; i < text.length(); i++) {
      sum += text.charAt(i);
    }
    text.append("#%02x".formatted(sum & 0xff));
    last = text.toString().getBytes(StandardCharsets.ISO_8859_1);
    write(last);
  }

  /** The bytes of binary data in a packet. */
  static byte[] unescape(String data) {
    byte[] bytes = new byte[data.length()];
    int count = 0;
    for (int i = 0; i < data.length(); i++) {
      char c = data.charAt(i);
      if (c == ESCAPE && i + 1 < data.length()) {
        c = (char) (data.charAt(++i) ^ ESCAPED_BY);
      }
      bytes[count++] = (byte) c;
    }
    return java.util.Arrays.copyOf(bytes, count);
  }
}
