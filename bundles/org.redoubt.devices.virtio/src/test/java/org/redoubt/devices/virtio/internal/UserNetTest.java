package org.redoubt.devices.virtio.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.redoubt.api.HypervisorException;

/** The network as a guest sees it, frame by frame, against sockets of the host's loopback. */
class UserNetTest {
  private static final int PORT = 40_000;
  private static final InetAddress LOOPBACK = InetAddress.getLoopbackAddress();
  private static final int SYN = TcpFlow.SYN;
  private static final int ACK = TcpFlow.ACK;
  private static final int FIN = TcpFlow.FIN;
  private static final int RST = TcpFlow.RST;

  private final VirtioMachine machine = new VirtioMachine();
  private final ArrayDeque<byte[]> frames = new ArrayDeque<>();
  private @Nullable UserNet network;

  private UserNet network() {
    UserNet made = network;
    if (made == null) {
      try {
        made = new UserNet(machine, frames::add);
      } catch (HypervisorException e) {
        throw new AssertionError(e);
      }
      network = made;
    }
    return made;
  }

  @AfterEach
  void close() {
    if (network != null) {
      network.close();
    }
  }

  private ByteBuffer frame() {
    machine.until(() -> !frames.isEmpty());
    return ByteBuffer.wrap(frames.remove());
  }

  /** A frame that a builder made for the guest, turned round: the builders sum both ways. */
  private void send(byte[] frame) {
    network().fromGuest(frame);
  }

  private void sendTcp(int port, int sequence, int acknowledgement, int flags, byte... data) {
    send(
        Packet.tcp(
            UserNet.GUEST,
            PORT,
            UserNet.GATEWAY,
            port,
            sequence,
            acknowledgement,
            flags,
            0xFFFF,
            0,
            ByteBuffer.wrap(data)));
  }

  private static int flags(ByteBuffer frame) {
    return frame.get(0x2F);
  }

  private static int sequence(ByteBuffer frame) {
    return frame.getInt(0x26);
  }

  private static int acknowledgement(ByteBuffer frame) {
    return frame.getInt(0x2A);
  }

  private static byte[] data(ByteBuffer frame, int at) {
    byte[] data = new byte[frame.limit() - at];
    frame.get(at, data);
    return data;
  }

  private static void assertSums(ByteBuffer frame) {
    assertEquals(0xFFFF, Packet.sum(frame.array(), 14, 34, 0), "IP checksum");
  }

  @Test
  void shouldAnswerArpForGatewayAndNameServerOnly() {
    ByteBuffer request = ByteBuffer.allocate(42);
    request.putShort(12, (short) 0x806).putShort(14, (short) 1).putShort(20, (short) 1);
    request.putInt(0x1C, UserNet.GUEST).putInt(0x26, UserNet.DNS);
    send(request.array());
    ByteBuffer reply = frame();
    assertEquals(2, reply.getShort(20));
    assertEquals(UserNet.DNS, reply.getInt(0x1C));
    request.putInt(0x26, UserNet.GUEST);
    send(request.array());
    assertTrue(frames.isEmpty());
  }

  @Test
  void shouldGiveAnAddress() {
    ByteBuffer ask = ByteBuffer.allocate(300);
    ask.put((byte) 1).put((byte) 1).put((byte) 6).putInt(4, 0x1234_5678).putInt(0xEC, 0x63825363);
    ask.position(0xF0).put(new byte[] {53, 1, 1, (byte) 0xFF}).rewind();
    send(Packet.udp(0, 68, -1, 67, ask.duplicate()));
    ByteBuffer offer = frame();
    assertSums(offer);
    assertEquals(0x1234_5678, offer.getInt(42 + 4));
    assertEquals(UserNet.GUEST, offer.getInt(42 + 0x10));
    assertEquals(2, offer.get(42 + 0xF2));
    ask.position(0xF0).put(new byte[] {53, 1, 3, 50, 4, 10, 0, 2, 99, (byte) 0xFF}).rewind();
    send(Packet.udp(0, 68, -1, 67, ask.duplicate()));
    assertEquals(6, frame().get(42 + 0xF2), "another address is refused");
    ask.position(0xF0).put(new byte[] {53, (byte) 200, 3}).rewind();
    send(Packet.udp(0, 68, -1, 67, ask.duplicate()));
    assertTrue(frames.isEmpty(), "an option that runs over the end");
  }

  @Test
  void shouldAnswerPing() {
    send(
        Packet.icmp(
            UserNet.GUEST, UserNet.GATEWAY, new byte[] {8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}));
    ByteBuffer reply = frame();
    assertSums(reply);
    assertEquals(0, reply.get(34));
    assertEquals(0xFFFF, Packet.sum(reply.array(), 34, 46, 0));
    assertArrayEquals(new byte[] {1, 2, 3, 4, 5, 6, 7, 8}, data(reply, 38));
  }

  @Test
  void shouldCarryDatagramsBothWays() throws IOException {
    try (DatagramSocket host = new DatagramSocket(new InetSocketAddress(LOOPBACK, 0))) {
      host.setSoTimeout(30_000);
      byte[] question = {1, 2, 3};
      send(
          Packet.udp(
              UserNet.GUEST,
              PORT,
              UserNet.GATEWAY,
              host.getLocalPort(),
              ByteBuffer.wrap(question)));
      DatagramPacket got = new DatagramPacket(new byte[100], 100);
      host.receive(got);
      assertEquals(3, got.getLength());
      host.send(new DatagramPacket(new byte[] {9}, 1, got.getSocketAddress()));
      ByteBuffer answer = frame();
      assertEquals(UserNet.GATEWAY, answer.getInt(0x1A));
      assertEquals(PORT, Short.toUnsignedInt(answer.getShort(0x24)));
      assertArrayEquals(new byte[] {9}, data(answer, 42));
    }
  }

  @Test
  void shouldCarryAConnectionToItsEndInOrder() throws Exception {
    byte[] download = new byte[300_000];
    new Random(1).nextBytes(download);
    try (ServerSocket server = new ServerSocket(0, 1, LOOPBACK)) {
      CompletableFuture<byte[]> uploaded =
          CompletableFuture.supplyAsync(() -> {
            try (Socket client = server.accept()) {
              client.getOutputStream().write(download);
              client.shutdownOutput();
              return client.getInputStream().readAllBytes();
            } catch (IOException e) {
              throw new java.io.UncheckedIOException(e);
            }
          });
      int port = server.getLocalPort();
      sendTcp(port, 1000, 0, SYN);
      ByteBuffer opened = frame();
      assertEquals(SYN | ACK, flags(opened));
      assertEquals(1001, acknowledgement(opened));
      int expected = sequence(opened) + 1;
      sendTcp(port, 1001, expected, ACK);
      sendTcp(port, 1001, expected, ACK, (byte) 'a', (byte) 'b');
      sendTcp(port, 1005, expected, ACK, (byte) 'x'); // a gap: comes again
      sendTcp(port, 1002, expected, ACK, (byte) 'b', (byte) 'c'); // overlaps
      ByteArrayOutputStream got = new ByteArrayOutputStream();
      boolean ended = false;
      boolean lost = false;
      while (!ended) {
        ByteBuffer segment = frame();
        byte[] data = data(segment, 54);
        if (sequence(segment) != expected) {
          continue; // sent again
        }
        if (data.length > 0 && !lost && got.size() > 100_000) {
          lost = true; // this one the guest never sees
          continue;
        }
        got.writeBytes(data);
        expected += data.length;
        if ((flags(segment) & FIN) != 0) {
          expected++;
          ended = true;
        }
        sendTcp(port, 1004, expected, ACK);
      }
      assertArrayEquals(download, got.toByteArray());
      sendTcp(port, 1004, expected, ACK | FIN);
      machine.until(uploaded::isDone);
      assertArrayEquals(new byte[] {'a', 'b', 'c'}, uploaded.join());
      frames.clear();
      sendTcp(port, 1005, expected, ACK, (byte) 1);
      assertEquals(RST, flags(frame()) & RST, "over");
    }
  }

  @Test
  void shouldRefuseWhereNobodyListens() throws IOException {
    int port;
    try (ServerSocket server = new ServerSocket(0, 1, LOOPBACK)) {
      port = server.getLocalPort();
    }
    sendTcp(port, 7, 0, SYN);
    ByteBuffer answer = frame();
    assertEquals(RST, flags(answer) & RST);
    assertEquals(8, acknowledgement(answer));
  }

  @Test
  void shouldLeadFromTheHostIntoTheGuest() throws Exception {
    int port;
    try (ServerSocket free = new ServerSocket(0, 1, LOOPBACK)) {
      port = free.getLocalPort();
    }
    machine.options.put("forward", "tcp:%d-22".formatted(port));
    network();
    try (Socket client = new Socket(LOOPBACK, port)) {
      ByteBuffer syn = frame();
      assertEquals(SYN, flags(syn));
      assertEquals(22, syn.getShort(0x24));
      int from = Short.toUnsignedInt(syn.getShort(0x22));
      int next = sequence(syn) + 1;
      send(reply(from, 500, next, SYN | ACK));
      assertEquals(ACK, flags(frame()));
      client.getOutputStream().write('q');
      ByteBuffer data = frame();
      assertArrayEquals(new byte[] {'q'}, data(data, 54));
      send(reply(from, 501, next + 1, ACK, (byte) 'r'));
      assertEquals('r', client.getInputStream().read());
      send(reply(from, 502, next + 1, RST | ACK));
      assertEquals(-1, readOrReset(client));
    }
  }

  private static int readOrReset(Socket client) throws IOException {
    try {
      return client.getInputStream().read();
    } catch (SocketException e) {
      return -1;
    }
  }

  private static byte[] reply(int port, int sequence, int ack, int flags, byte... data) {
    return Packet.tcp(
        UserNet.GUEST,
        22,
        UserNet.GATEWAY,
        port,
        sequence,
        ack,
        flags,
        0xFFFF,
        0,
        ByteBuffer.wrap(data));
  }

  @Test
  void shouldNotReachTheLoopbackNorManyByAnotherName() {
    for (int address :
        new int[] {
          Packet.address(127, 0, 0, 1),
          Packet.address(10, 0, 2, 7),
          Packet.address(224, 0, 0, 1),
          -1,
          0
        }) {
      send(Packet.tcp(UserNet.GUEST, PORT, address, 80, 1, 0, SYN, 100, 0, ByteBuffer.allocate(0)));
      assertEquals(RST, flags(frame()) & RST);
      send(Packet.udp(UserNet.GUEST, PORT, address, 80, ByteBuffer.allocate(1)));
    }
    assertTrue(frames.isEmpty());
  }

  @Test
  void shouldRefuseOptionsItDoesNotKnow() {
    for (String forward : new String[] {"tcp:1", "udp:1-2", "tcp:0-5", "tcp:99999-1"}) {
      machine.options.put("forward", forward);
      assertThrows(HypervisorException.class, () -> new UserNet(machine, frames::add), forward);
    }
    machine.options.put("backend", "tap");
    assertThrows(HypervisorException.class, () -> new Net.Factory().create(machine));
  }

  @Test
  void shouldSurviveAnyFrame() {
    Random random = new Random(3);
    byte[][] seeds = {
      Packet.tcp(
          UserNet.GUEST, PORT, UserNet.GATEWAY, 1, 1, 0, SYN, 1, 1460, ByteBuffer.allocate(9)),
      Packet.udp(UserNet.GUEST, 68, -1, 67, ByteBuffer.allocate(300)),
      Packet.icmp(UserNet.GUEST, UserNet.DNS, new byte[40]),
      new byte[64]
    };
    for (int i = 0; i < 100_000; i++) {
      byte[] seed = seeds[random.nextInt(seeds.length)];
      byte[] frame = java.util.Arrays.copyOf(seed, random.nextInt(seed.length + 8));
      for (int flips = random.nextInt(4); flips > 0 && frame.length > 0; flips--) {
        frame[random.nextInt(frame.length)] = (byte) random.nextInt();
      }
      if (frame.length > 34 && frame[0x1E] != 10) {
        continue; // nothing of a test leaves this machine
      }
      if (frame.length >= 34) {
        frame[24] = 0;
        frame[25] = 0;
        int sum = ~Packet.sum(frame, 14, 34, 0);
        frame[24] = (byte) (sum >> 8);
        frame[25] = (byte) sum;
      }
      send(frame);
      frames.clear();
    }
  }
}
