package org.redoubt.itests;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HexFormat;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The other side of a stub for gdb: packets, as gdb sends them. */
final class GdbClient implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofMinutes(5);
  private static final Pattern PORT = Pattern.compile("target remote 127\\.0\\.0\\.1:(\\d+)'");

  private final Socket socket;
  private final InputStream in;

  GdbClient(int port) throws IOException {
    socket = new Socket(InetAddress.ofLiteral("127.0.0.1"), port);
    socket.setSoTimeout((int) LIMIT.toMillis());
    in = new BufferedInputStream(socket.getInputStream());
  }

  /** The port that a process says it listens on. */
  static int port(Launched run) throws InterruptedException {
    long end = System.nanoTime() + LIMIT.toNanos();
    while (System.nanoTime() < end) {
      Matcher matcher = PORT.matcher(run.err() + run.out());
      if (matcher.find()) {
        return Integer.parseInt(matcher.group(1));
      }
      Thread.sleep(20);
    }
    throw new AssertionError("No port in: " + run.err() + run.out());
  }

  void raw(String text) throws IOException {
    socket.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1));
    socket.getOutputStream().flush();
  }

  void interrupt() throws IOException {
    raw("\u0003");
  }

  private void send(String data) throws IOException {
    raw("$%s#%02x".formatted(data, data.chars().sum() & 0xff));
  }

  /** Sends a packet and returns the answer to it. */
  String ask(String data) throws IOException {
    send(data);
    return answer();
  }

  /** Sends a packet that has no answer yet. */
  void tell(String data) throws IOException {
    send(data);
  }

  /** The next packet, acknowledged. */
  String answer() throws IOException {
    int next = in.read();
    while (next == '+') {
      next = in.read();
    }
    if (next != '$') {
      throw new IOException("not a packet but " + next);
    }
    StringBuilder data = new StringBuilder();
    for (next = in.read(); next != '#'; next = in.read()) {
      if (next < 0) {
        throw new IOException("half a packet: " + data);
      }
      data.append((char) next);
    }
    in.readNBytes(2);
    raw("+");
    return data.toString();
  }

  /** Whether the other side closes the connection, whatever it says before. */
  boolean isClosed() throws IOException {
    try {
      in.readAllBytes();
      return true;
    } catch (java.net.SocketTimeoutException e) {
      return false;
    } catch (java.net.SocketException e) {
      return true; // reset, as it was closed with bytes unread
    }
  }

  /** A register of up to 64 bits, by its number. */
  long register(int number) throws IOException {
    byte[] bytes = HexFormat.of().parseHex(ask("p%x".formatted(number)));
    long value = 0;
    for (int i = bytes.length - 1; i >= 0; i--) {
      value = value << 8 | bytes[i] & 0xff;
    }
    return value;
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
