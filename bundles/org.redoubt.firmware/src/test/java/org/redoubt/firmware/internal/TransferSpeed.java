package org.redoubt.firmware.internal;

import com.sun.management.OperatingSystemMXBean;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.function.Consumer;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.Mailbox;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.cert.PlatformChain;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.command.ActivateBuffer;
import org.redoubt.spec.sev.command.InitBuffer;
import org.redoubt.spec.sev.command.LaunchSecretBuffer;
import org.redoubt.spec.sev.command.LaunchStartBuffer;
import org.redoubt.spec.sev.command.SendStartBuffer;

/**
 * Speed of SEND_UPDATE_DATA and RECEIVE_UPDATE_DATA between two platforms over the real memory room
 * and engine, in packets of 4 MiB, paired run by run with OpenSSL: {@code aes-128-ctr} and then
 * {@code hmac(sha256)} of as many bytes, on one thread, from and to memory in the first-level
 * cache.
 *
 * <p>What is compared: each of the two commands goes over the bytes once with both algorithms, as
 * OpenSSL does once for either, and moves them between the packet and memory under the guest's key
 * besides. "One after the other" is a byte's whole way, two passes against OpenSSL's one: an
 * OpenSSL that did both passes would have 0.50x. By the clock (two threads for each command) and by
 * processor time (of all threads of this process; of OpenSSL, its own), which also says something
 * on a machine that others use.
 *
 * <p>A program, not a test; the rooms {@code memory} and {@code encryption.aes} have to be on the
 * class path. Arguments: MiB, rounds.
 */
final class TransferSpeed {
  private static final long BUFFER = 0x1000;
  private static final long CERT = 0x2000;
  private static final long PLAT = 0x4000;
  private static final long MAKER = 0x8000;
  private static final long SESSION = 0xA000;
  private static final long HEADER = 0xB000;
  private static final int PACKET_BYTES = 4 << 20;
  private static final long PACKET = 16 << 20;
  private static final long GUEST = 32 << 20;

  private TransferSpeed() {}

  /** A platform and its memory. */
  private record Side(MemorySystem memory, SevSecureProcessor psp) implements AutoCloseable {
    static Side of(long bytes) throws Exception {
      MemorySystem memory = LaunchSpeed.memory(GUEST + bytes);
      Side side = new Side(memory, LaunchSpeed.processor(memory));
      side.issue(SevCommand.INIT, new InitBuffer(0, 0, 0)::write);
      return side;
    }

    void issue(SevCommand command, Consumer<MemorySegment> fill) {
      MemorySegment b = MemorySegment.ofArray(new byte[command.bufferBytes()]);
      fill.accept(b);
      memory.view(0).write(BUFFER, b);
      psp.mailbox().write(Mailbox.CMDBUF_ADDR_LO, (int) BUFFER);
      psp.mailbox().write(Mailbox.CMDRESP, Mailbox.commandWord(command.id(), false));
      if (Mailbox.status(psp.mailbox().read(Mailbox.CMDRESP)) != FirmwareStatus.SUCCESS.code()) {
        throw new IllegalStateException(String.valueOf(psp.history().getLast()));
      }
    }

    void put(long spa, byte[] bytes) {
      memory.view(0).write(spa, MemorySegment.ofArray(bytes));
    }

    byte[] get(long spa, int bytes) {
      byte[] out = new byte[bytes];
      memory.view(0).read(spa, MemorySegment.ofArray(out));
      return out;
    }

    @Override
    public void close() {
      psp.close();
      memory.close();
    }
  }

  public static void main(String[] arguments) throws Exception {
    int mib = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 256;
    int rounds = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 5;
    long bytes = (long) mib << 20;
    try (Side from = Side.of(bytes);
        Side to = Side.of(bytes)) {
      int sent = start(from, to, bytes);
      int received = receive(from, to);
      MemorySegment wire = MemorySegment.ofArray(new byte[PACKET_BYTES]);
      for (int round = 0; round < rounds; round++) {
        double clock = openssl(true);
        double cpu = openssl(false);
        Pace sending = new Pace();
        Pace receiving = new Pace();
        for (long at = 0; at < bytes; at += PACKET_BYTES) {
          Consumer<MemorySegment> send = packet(sent, GUEST + at);
          sending.add(() -> from.issue(SevCommand.SEND_UPDATE_DATA, send));
          to.put(HEADER, from.get(HEADER, 52));
          from.memory.view(0).read(PACKET, wire);
          to.memory.view(0).write(PACKET, wire);
          Consumer<MemorySegment> receive = packet(received, GUEST + at);
          receiving.add(() -> to.issue(SevCommand.RECEIVE_UPDATE_DATA, receive));
        }
        System.out.printf(
            "%d MiB: clock: SEND %.2f GB/s, RECEIVE %.2f, both %.2f, openssl %.2f: %.2fx;"
                + " processor: SEND %.2f, RECEIVE %.2f, both %.2f, openssl %.2f: %.2fx%n",
            mib,
            bytes / sending.clock,
            bytes / receiving.clock,
            bytes / (sending.clock + receiving.clock),
            clock,
            bytes / (sending.clock + receiving.clock) / clock,
            bytes / sending.cpu,
            bytes / receiving.cpu,
            bytes / (sending.cpu + receiving.cpu),
            cpu,
            bytes / (sending.cpu + receiving.cpu) / cpu);
      }
    }
  }

  /** Nanoseconds that something took, by the clock and of all processors. */
  private static final class Pace {
    private static final OperatingSystemMXBean SYSTEM =
        ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    private double clock;
    private double cpu;

    void add(Runnable work) {
      long before = SYSTEM.getProcessCpuTime();
      long start = System.nanoTime();
      work.run();
      clock += System.nanoTime() - start;
      cpu += SYSTEM.getProcessCpuTime() - before;
    }
  }

  private static Consumer<MemorySegment> packet(int handle, long guestSpa) {
    return new LaunchSecretBuffer(handle, HEADER, 52, guestSpa, PACKET_BYTES, PACKET, PACKET_BYTES)
        ::write;
  }

  /** A guest of random bytes, on its way to the other platform. */
  private static int start(Side from, Side to, long bytes) {
    from.issue(SevCommand.LAUNCH_START, new LaunchStartBuffer(0, 0, 0, 0, 0, 0)::write);
    int guest = from.memory.view(0).getInt(BUFFER);
    from.issue(SevCommand.ACTIVATE, new ActivateBuffer(guest, 1)::write);
    byte[] some = new byte[1 << 20];
    new SecureRandom().nextBytes(some);
    for (long at = 0; at < bytes; at += some.length) {
      from.memory.view(1).write(GUEST + at, MemorySegment.ofArray(some));
    }
    from.psp.platform().guest(guest).orElseThrow().setState(GuestState.RUNNING);
    var target = to.psp.certificates();
    PlatformChain chain = target.platform().orElseThrow();
    from.put(CERT, chain.pdh().toBytes());
    from.put(PLAT, chain.certs());
    byte[] ask = target.ask().toBytes();
    byte[] maker = Arrays.copyOf(ask, 2 * ask.length);
    System.arraycopy(target.ark().toBytes(), 0, maker, ask.length, ask.length);
    from.put(MAKER, maker);
    from.issue(
        SevCommand.SEND_START,
        new SendStartBuffer(
                guest,
                0,
                CERT,
                SevCertificate.BYTES,
                PLAT,
                PlatformChain.CERTS_BYTES,
                MAKER,
                maker.length,
                SESSION,
                128)
            ::write);
    return guest;
  }

  private static int receive(Side from, Side to) {
    to.put(SESSION, from.get(SESSION, 128));
    to.put(CERT, from.psp.platform().keys().pdhCertificate().toBytes());
    to.issue(
        SevCommand.RECEIVE_START,
        new LaunchStartBuffer(0, 0, CERT, SevCertificate.BYTES, SESSION, 128)::write);
    int guest = to.memory.view(0).getInt(BUFFER);
    to.issue(SevCommand.ACTIVATE, new ActivateBuffer(guest, 1)::write);
    return guest;
  }

  /** GB/s of OpenSSL's two algorithms one after the other, by the clock or by its own time. */
  private static double openssl(boolean clock) throws Exception {
    return 1
        / (1 / LaunchSpeed.speed(clock, "-evp", "aes-128-ctr")
            + 1 / LaunchSpeed.speed(clock, "-hmac", "sha256"));
  }
}
