package org.redoubt.devices.virtio.internal;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;

/**
 * A TCP connection between the guest and a host socket: towards the guest we are the other end. RFC
 * 9293, reduced: what does not come in order is dropped and comes again, and what is not
 * acknowledged in time is sent again from there. Under the device lock.
 */
final class TcpFlow implements Sockets.Handler {
  static final int FIN = 1;
  static final int SYN = 2;
  static final int RST = 4;
  static final int PSH = 8;
  static final int ACK = 16;

  private static final int MSS = 1460;
  private static final int BUFFER_BYTES = 1 << 16;
  private static final int MOST_WINDOW = 0xFFFF;
  private static final int RESEND_TICKS = 2;
  private static final int GIVE_UP_RESENDS = 20;
  private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

  /** Who is connected; addresses as the guest sees them. */
  record Key(int guestPort, int remote, int remotePort) {}

  private enum State {
    /** The host side is not connected yet. */
    CONNECTING,
    /** Our SYN is out. */
    OPENING,
    OPEN,
    CLOSED
  }

  private final UserNet network;
  private final Key key;
  private final SocketChannel channel;
  private final SelectionKey selection;
  private State state = State.CONNECTING;

  /** Guest to host: what the socket has not taken yet. */
  private final ByteBuffer toHost = ByteBuffer.allocate(BUFFER_BYTES);

  /** Host to guest: what is not acknowledged, then what was not sent; in reading position. */
  private final ByteBuffer toGuest = ByteBuffer.allocate(BUFFER_BYTES).flip();

  /** First sequence number in {@link #toGuest}, or of an unacknowledged SYN. */
  private int unacknowledged;

  /** Next to send. */
  private int next;

  private int guestWindow;
  private int expected;
  private boolean guestEnded;
  private boolean hostEnded;

  /** Our FIN has been sent at least once: it is the number after the last byte. */
  private boolean finSent;

  private boolean hostShut;
  private int idleTicks;
  private int resends;
  private boolean windowClosed;

  /**
   * @param expected the guest's next sequence number; unknown yet if we open
   */
  TcpFlow(UserNet network, Key key, SocketChannel channel, int sequence, int expected)
      throws IOException {
    this.network = network;
    this.key = key;
    this.channel = channel;
    this.expected = expected;
    unacknowledged = sequence;
    next = sequence;
    selection = network.sockets().add(channel, this);
  }

  Key key() {
    return key;
  }

  boolean closed() {
    return state == State.CLOSED;
  }

  /** The guest opens: connects to the host's side. */
  void connect(InetSocketAddress to) {
    try {
      if (channel.connect(to)) {
        opened(SYN | ACK);
      } else {
        network.sockets().await(selection, SelectionKey.OP_CONNECT);
      }
    } catch (IOException | RuntimeException e) {
      abort();
    }
  }

  /** A client of the host opens. */
  void open() {
    opened(SYN);
  }

  private void opened(int flags) {
    state = State.OPENING;
    next = unacknowledged + 1;
    send(unacknowledged, flags, MSS, NOTHING);
  }

  private void send(int sequence, int flags, int mss, ByteBuffer data) {
    int window = Math.min(toHost.remaining(), MOST_WINDOW);
    windowClosed = window < MSS;
    network.toGuest(
        Packet.tcp(
            key.remote,
            key.remotePort,
            UserNet.GUEST,
            key.guestPort,
            sequence,
            (flags & ACK) != 0 ? expected : 0,
            flags,
            window,
            mss,
            data));
  }

  private void acknowledge() {
    send(next, ACK, 0, NOTHING);
  }

  // From the guest

  /** A segment arrived. */
  void segment(int sequence, int acknowledgement, int flags, int window, ByteBuffer data) {
    if (state == State.CLOSED) {
      return;
    }
    if ((flags & RST) != 0) {
      if (sequence == expected || state != State.OPEN) {
        drop();
      }
      return;
    }
    if (state == State.CONNECTING) {
      return; // the guest repeats its SYN
    }
    if ((flags & SYN) != 0) {
      synchronise(sequence, acknowledgement, flags);
      return;
    }
    if ((flags & ACK) == 0) {
      return;
    }
    guestWindow = window;
    resends = 0; // it lives, though its window may be closed
    take(acknowledgement);
    if (state == State.OPEN) {
      receive(sequence, flags, data);
      push();
      pull();
    }
  }

  private void synchronise(int sequence, int acknowledgement, int flags) {
    if (state == State.OPENING && (flags & ACK) != 0 && acknowledgement == next) {
      expected = sequence + 1; // the answer to ours
      take(acknowledgement);
      acknowledge();
      pull();
    } else if (state == State.OPENING) {
      send(unacknowledged, SYN | ACK, MSS, NOTHING);
    } else {
      acknowledge();
    }
  }

  private void take(int acknowledgement) {
    int progress = acknowledgement - unacknowledged;
    if (progress <= 0 || acknowledgement - next > 0) {
      return;
    }
    idleTicks = 0;
    resends = 0;
    unacknowledged = acknowledgement;
    if (state == State.OPENING) {
      state = State.OPEN;
      progress--;
      pull();
    }
    int bytes = Math.min(progress, toGuest.remaining());
    toGuest.position(toGuest.position() + bytes);
    if (finSent && progress > bytes) {
      endIfBothHave();
    }
  }

  private boolean finAcknowledged() {
    return finSent && unacknowledged == next && !toGuest.hasRemaining();
  }

  private void receive(int sequence, int flags, ByteBuffer data) {
    int skip = expected - sequence;
    boolean fin = (flags & FIN) != 0;
    if (skip < 0 || skip > data.remaining()) {
      acknowledge(); // a gap, or old: says what is expected
      return;
    }
    data.position(data.position() + skip);
    int count = Math.min(data.remaining(), guestEnded ? 0 : toHost.remaining());
    boolean whole = count == data.remaining();
    boolean news = count > 0;
    toHost.put(data.slice(data.position(), count));
    expected += count;
    if (fin && whole && !guestEnded) {
      guestEnded = true;
      expected++;
      news = true;
    }
    if (news) {
      push();
      acknowledge();
    } else if (skip > 0 || fin || !whole) {
      acknowledge();
    }
    endIfBothHave();
  }

  // The host's side

  @Override
  public void ready() {
    if (state == State.CLOSED) {
      return;
    }
    if (state == State.CONNECTING) {
      try {
        if (channel.finishConnect()) {
          opened(SYN | ACK);
        }
      } catch (IOException e) {
        abort();
      }
      return;
    }
    boolean wasClosed = windowClosed;
    push();
    if (wasClosed && state == State.OPEN && toHost.remaining() >= MSS) {
      acknowledge(); // the window is open again
    }
    pull();
  }

  /** Writes what the guest has sent. */
  private void push() {
    if (state == State.CLOSED) {
      return;
    }
    try {
      toHost.flip();
      try {
        channel.write(toHost);
      } finally {
        toHost.compact();
      }
      if (guestEnded && toHost.position() == 0 && !hostShut) {
        hostShut = true;
        channel.shutdownOutput();
        endIfBothHave();
      }
    } catch (IOException e) {
      abort();
    }
  }

  /** Reads from the host and sends what the guest's window allows. */
  private void pull() {
    if (state != State.OPEN) {
      return;
    }
    try {
      if (!hostEnded && toGuest.remaining() < BUFFER_BYTES / 2) {
        toGuest.compact();
        int count = channel.read(toGuest);
        toGuest.flip();
        hostEnded = count < 0;
      }
    } catch (IOException e) {
      toGuest.flip();
      abort();
      return;
    }
    transmit();
    waitForHost();
  }

  private void waitForHost() {
    if (state == State.OPEN) {
      boolean room = !hostEnded && toGuest.remaining() < BUFFER_BYTES / 2;
      boolean left = toHost.position() > 0;
      network
          .sockets()
          .await(selection, (room ? SelectionKey.OP_READ : 0) | (left ? SelectionKey.OP_WRITE : 0));
    }
  }

  private void transmit() {
    int sent = next - unacknowledged - (finSent ? 1 : 0);
    while (!finSent && sent < toGuest.remaining()) {
      int allowed = Math.min(guestWindow - sent, toGuest.remaining() - sent);
      // A closed window is asked again by one byte at each tick.
      int count = Math.min(allowed, MSS);
      if (count <= 0) {
        return;
      }
      send(next, ACK | PSH, 0, toGuest.slice(toGuest.position() + sent, count));
      next += count;
      sent += count;
    }
    if (hostEnded && !finSent && sent == toGuest.remaining()) {
      finSent = true;
      send(next, ACK | FIN, 0, NOTHING);
      next++;
    }
  }

  /** A quarter of a second has gone by. */
  void tick() {
    if (state == State.CLOSED || state == State.CONNECTING) {
      return;
    }
    boolean outstanding = next != unacknowledged || toGuest.hasRemaining();
    if (!outstanding || ++idleTicks < RESEND_TICKS) {
      return;
    }
    idleTicks = 0;
    if (++resends > GIVE_UP_RESENDS) {
      abort();
    } else if (state == State.OPENING) {
      send(unacknowledged, expected == 0 ? SYN : SYN | ACK, MSS, NOTHING);
    } else {
      next = unacknowledged;
      finSent = false;
      if (guestWindow == 0 && toGuest.hasRemaining()) {
        send(next, ACK | PSH, 0, toGuest.slice(toGuest.position(), 1));
        next++;
      }
      transmit();
    }
  }

  // Ends

  private void endIfBothHave() {
    if (guestEnded && finAcknowledged() && hostShut) {
      drop();
    }
  }

  /** Tells the guest that this connection is no more. */
  void abort() {
    if (state != State.CLOSED) {
      send(next, RST | ACK, 0, NOTHING);
      drop();
    }
  }

  /** Gives the socket back. */
  void drop() {
    state = State.CLOSED;
    try {
      channel.close();
    } catch (IOException e) {
      // it is gone all the same
    }
  }
}
