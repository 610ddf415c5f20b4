package org.redoubt.firmware.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.cert.PlatformChain;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.command.HandleBuffer;
import org.redoubt.spec.sev.command.LaunchSecretBuffer;
import org.redoubt.spec.sev.command.LaunchStartBuffer;
import org.redoubt.spec.sev.command.LaunchUpdateBuffer;
import org.redoubt.spec.sev.command.SendStartBuffer;

/** A guest goes from one emulated platform to another; both have chips of one maker. */
final class TransferTest {
  private static final GuestPolicy POLICY = new GuestPolicy(0x0001_0020); // SEV
  private static final int BYTES = 0x80000; // long enough for two threads
  private static final long TARGET = 0x30000;
  private static final long TRANS = 0x100000;

  @TempDir Path folder;

  /** Two platforms, and the first one's guest, RUNNING. */
  private final class Two implements AutoCloseable {
    final Host from;
    final Host to;
    final int guest;
    final byte[] content = new byte[BYTES];

    Two() {
      from = platform("from");
      to = platform("to");
      new Random(1).nextBytes(content);
      guest = from.launchStart(POLICY, from.owner(POLICY));
      from.activate(guest, 1);
      from.put(TARGET, content);
      must(
          from, SevCommand.LAUNCH_UPDATE_DATA, new LaunchUpdateBuffer(guest, TARGET, BYTES)::write);
      from.measure(guest);
      from.must(SevCommand.LAUNCH_FINISH, guest);
    }

    private Host platform(String name) {
      Roots.into(folder.resolve(name));
      return new Host(Optional.of(folder.resolve(name))).init();
    }

    PlatformChain targetsChain() {
      return Roots.chain(folder.resolve("to"), to.platform().keys());
    }

    FirmwareStatus sendStart(PlatformChain chain) {
      Faults.target(from, chain, Roots.maker().ask().toBytes(), Roots.maker().ark().toBytes());
      return from.issue(
          SevCommand.SEND_START,
          new SendStartBuffer(
                  guest,
                  0,
                  Host.CERT,
                  SevCertificate.BYTES,
                  Faults.PLAT,
                  PlatformChain.CERTS_BYTES,
                  Faults.AMD,
                  3200,
                  Host.SESSION,
                  128)
              ::write);
    }

    /** RECEIVE_START with what SEND_START gave; the new guest, active. */
    int receiveStart() {
      to.put(Host.SESSION, from.get(Host.SESSION, 128));
      to.put(Host.CERT, from.platform().keys().pdhCertificate().toBytes());
      must(
          to,
          SevCommand.RECEIVE_START,
          new LaunchStartBuffer(
                  0, POLICY.bits(), Host.CERT, SevCertificate.BYTES, Host.SESSION, 128)
              ::write);
      int handle = LaunchStartBuffer.read(to.buffer(SevCommand.RECEIVE_START)).handle();
      to.activate(handle, 9);
      return handle;
    }

    LaunchSecretBuffer packet(int handle, long guestSpa, int bytes) {
      return new LaunchSecretBuffer(handle, Host.HEADER, 52, guestSpa, bytes, TRANS, bytes);
    }

    void carry(int bytes) {
      to.put(Host.HEADER, from.get(Host.HEADER, 52));
      to.put(TRANS, from.get(TRANS, bytes));
    }

    @Override
    public void close() {
      from.close();
      to.close();
    }
  }

  private static void must(
      Host host,
      SevCommand command,
      java.util.function.Consumer<java.lang.foreign.MemorySegment> fill) {
    assertEquals(FirmwareStatus.SUCCESS, host.issue(command, fill), host::lastReason);
  }

  @Test
  void shouldCarryAGuestToAnotherPlatform() {
    try (Two t = new Two()) {
      assertEquals(FirmwareStatus.SUCCESS, t.sendStart(t.targetsChain()), t.from::lastReason);
      assertEquals(
          POLICY.bits(), SendStartBuffer.read(t.from.buffer(SevCommand.SEND_START)).policy());
      int received = t.receiveStart();
      must(t.from, SevCommand.SEND_UPDATE_DATA, t.packet(t.guest, TARGET, BYTES)::write);
      byte[] transported = t.from.get(TRANS, BYTES);
      assertEquals(0, commonBlocks(transported, t.content), "plain text on the way");
      t.carry(BYTES);
      must(t.to, SevCommand.RECEIVE_UPDATE_DATA, t.packet(received, TARGET, BYTES)::write);
      assertArrayEquals(t.content, t.to.getPrivate(9, TARGET, BYTES));
      assertEquals(0, commonBlocks(t.to.get(TARGET, BYTES), t.content), "plain text in DRAM");
      must(t.from, SevCommand.SEND_FINISH, new HandleBuffer(t.guest)::write);
      must(t.to, SevCommand.RECEIVE_FINISH, new HandleBuffer(received)::write);
      assertEquals(GuestState.SENT, t.from.platform().guest(t.guest).orElseThrow().state());
      assertEquals(GuestState.RUNNING, t.to.platform().guest(received).orElseThrow().state());
      assertEquals(
          FirmwareStatus.INVALID_GUEST_STATE,
          t.from.issue(SevCommand.SEND_UPDATE_DATA, t.packet(t.guest, TARGET, 0x1000)::write));
    }
  }

  private static long commonBlocks(byte[] a, byte[] b) {
    return IntStream.range(0, a.length / 16)
        .filter(i -> Arrays.equals(a, i * 16, i * 16 + 16, b, i * 16, i * 16 + 16))
        .count();
  }

  @Test
  void shouldRefuseAPacketThatWasChangedOnTheWay() {
    try (Two t = new Two()) {
      assertEquals(FirmwareStatus.SUCCESS, t.sendStart(t.targetsChain()), t.from::lastReason);
      int received = t.receiveStart();
      must(t.from, SevCommand.SEND_UPDATE_DATA, t.packet(t.guest, TARGET, BYTES)::write);
      t.carry(BYTES);
      byte[] before = t.to.get(TARGET, BYTES);
      for (long spa : new long[] {TRANS, TRANS + BYTES - 1, Host.HEADER + 4, Host.HEADER + 51}) {
        StatusesTest.flip(t.to, spa);
        assertEquals(
            FirmwareStatus.BAD_MEASUREMENT,
            t.to.issue(SevCommand.RECEIVE_UPDATE_DATA, t.packet(received, TARGET, BYTES)::write));
        StatusesTest.flip(t.to, spa);
      }
      assertEquals(
          FirmwareStatus.BAD_MEASUREMENT,
          t.to.issue(
              SevCommand.RECEIVE_UPDATE_DATA, t.packet(received, TARGET, BYTES - 16)::write));
      assertArrayEquals(before, t.to.get(TARGET, BYTES));
      must(t.to, SevCommand.RECEIVE_UPDATE_DATA, t.packet(received, TARGET, BYTES)::write);
    }
  }

  @Test
  void shouldOpenASessionOnItsTargetOnly() {
    try (Two t = new Two()) {
      assertEquals(FirmwareStatus.SUCCESS, t.sendStart(t.targetsChain()), t.from::lastReason);
      must(t.to, SevCommand.PDH_GEN, s -> {});
      t.to.put(Host.SESSION, t.from.get(Host.SESSION, 128));
      t.to.put(Host.CERT, t.from.platform().keys().pdhCertificate().toBytes());
      assertEquals(
          FirmwareStatus.BAD_MEASUREMENT,
          t.to.issue(
              SevCommand.RECEIVE_START,
              new LaunchStartBuffer(
                      0, POLICY.bits(), Host.CERT, SevCertificate.BYTES, Host.SESSION, 128)
                  ::write));
    }
  }

  @Test
  void shouldGoOnRunningAfterACancel() {
    try (Two t = new Two()) {
      assertEquals(FirmwareStatus.SUCCESS, t.sendStart(t.targetsChain()), t.from::lastReason);
      byte[] first = t.from.get(Host.SESSION, 128);
      must(t.from, SevCommand.SEND_CANCEL, new HandleBuffer(t.guest)::write);
      assertEquals(GuestState.RUNNING, t.from.platform().guest(t.guest).orElseThrow().state());
      assertArrayEquals(t.content, t.from.getPrivate(1, TARGET, BYTES));
      assertEquals(FirmwareStatus.SUCCESS, t.sendStart(t.targetsChain()), t.from::lastReason);
      assertNotEquals(
          java.util.HexFormat.of().formatHex(first),
          java.util.HexFormat.of().formatHex(t.from.get(Host.SESSION, 128)));
    }
  }

  /** Each certificate broken once, in a byte of its body and in one of its signature. */
  @TestFactory
  Stream<DynamicTest> shouldNotSendToAPlatformWithABrokenChain() {
    long cert = SevCertificate.BYTES;
    return Stream.of(
            at("PDH's key", Host.CERT + 20),
            at("PDH's signature", Host.CERT + 1052),
            at("PEK's key", Faults.PLAT + 20),
            at("PEK's first signature", Faults.PLAT + 1052),
            at("PEK's second signature", Faults.PLAT + 1572),
            at("OCA's key", Faults.PLAT + cert + 20),
            at("OCA's signature", Faults.PLAT + cert + 1052),
            at("CEK's key", Faults.PLAT + 2 * cert + 20),
            at("CEK's signature", Faults.PLAT + 2 * cert + 1052),
            at("ASK's key", Faults.AMD + 1000),
            at("ASK's signature", Faults.AMD + 1599),
            at("ARK's key", Faults.AMD + 1600 + 1000),
            at("ARK's signature", Faults.AMD + 3199))
        .map(b ->
            DynamicTest.dynamicTest(
                b.name,
                () -> {
                  try (Host host = sender()) {
                    StatusesTest.flip(host, b.spa);
                    FirmwareStatus status = host.issue(SevCommand.SEND_START.id(), Host.BUFFER);
                    assertTrue(
                        status == FirmwareStatus.BAD_SIGNATURE
                            || status == FirmwareStatus.INVALID_CERTIFICATE,
                        () -> status + ": " + host.lastReason());
                    assertArrayEquals(new byte[128], host.get(Host.SESSION, 128));
                    assertEquals(GuestState.RUNNING, host.psp.info().guests().getFirst().state());
                  }
                }));
  }

  private record Broken(String name, long spa) {}

  private static Broken at(String name, long spa) {
    return new Broken(name, spa);
  }

  private int senders;

  /** A platform with a running guest, the chain of another one, and SEND_START's buffer ready. */
  private Host sender() {
    Path state = folder.resolve("sender" + senders++);
    Roots.into(state);
    Host host = new Host(Optional.of(state)).init();
    int guest = host.launchStartUnattested(POLICY.bits());
    host.platform().guest(guest).orElseThrow().setState(GuestState.RUNNING);
    Faults.target(
        host,
        Roots.stranger(folder.resolve("target" + senders), true, 55),
        Roots.maker().ask().toBytes(),
        Roots.maker().ark().toBytes());
    byte[] raw = new byte[SevCommand.SEND_START.bufferBytes()];
    new SendStartBuffer(
            guest,
            0,
            Host.CERT,
            SevCertificate.BYTES,
            Faults.PLAT,
            PlatformChain.CERTS_BYTES,
            Faults.AMD,
            3200,
            Host.SESSION,
            128)
        .write(java.lang.foreign.MemorySegment.ofArray(raw));
    host.put(Host.BUFFER, raw);
    return host;
  }
}
