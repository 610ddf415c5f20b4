package org.redoubt.firmware.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.redoubt.api.firmware.CommandRecord;
import org.redoubt.api.firmware.PlatformInfo;
import org.redoubt.api.firmware.SecureProcessorConfig.NamedPolicy;
import org.redoubt.crypto.Primitives;
import org.redoubt.crypto.TransportKeys;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.Mailbox;
import org.redoubt.spec.sev.PlatformState;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.ActivateBuffer;
import org.redoubt.spec.sev.command.GetIdBuffer;
import org.redoubt.spec.sev.command.GuestStatusBuffer;
import org.redoubt.spec.sev.command.HandleBuffer;
import org.redoubt.spec.sev.command.LaunchMeasureBuffer;
import org.redoubt.spec.sev.command.LaunchStartBuffer;
import org.redoubt.spec.sev.command.Measurement;
import org.redoubt.spec.sev.command.PlatformStatusBuffer;

final class LaunchTest {
  private static final GuestPolicy POLICY = new GuestPolicy(0x0001_0003);

  @Test
  void shouldLaunchAGuestThatItsOwnerCanVerify() {
    try (Host host = new Host().init()) {
      byte[] image = new byte[Host.GUEST_BYTES];
      host.random.nextBytes(image);
      host.put(Host.GUEST, image);
      Host.Owner owner = host.owner(POLICY);
      int handle = host.launchStart(POLICY, owner);
      host.activate(handle, 7);
      host.update(handle);

      assertArrayEquals(image, host.getPrivate(7, Host.GUEST, image.length), "guest reads it");
      byte[] inDram = host.get(Host.GUEST, image.length);
      assertEquals(-1, indexOf(inDram, Arrays.copyOf(image, 16)), "DRAM has no plain text");

      Measurement m = host.measure(handle);
      assertEquals(owner.keys().measure(1, 55, 1, POLICY, Primitives.sha256(image), m.mnonce()), m);

      byte[] secret =
          "the owner's secret, 32 bytes....".getBytes(java.nio.charset.StandardCharsets.US_ASCII);
      TransportKeys.Packet packet = owner.keys().sealSecret(secret, new byte[16], m);
      assertEquals(FirmwareStatus.SUCCESS, host.secret(handle, packet, Host.GUEST + 0x100));
      assertArrayEquals(secret, host.getPrivate(7, Host.GUEST + 0x100, secret.length));

      host.must(SevCommand.LAUNCH_FINISH, handle);
      host.issue(SevCommand.GUEST_STATUS, new GuestStatusBuffer(handle, 0, 0, 0)::write);
      assertEquals(
          new GuestStatusBuffer(handle, POLICY.bits(), 7, GuestState.RUNNING.code()),
          GuestStatusBuffer.read(host.buffer(SevCommand.GUEST_STATUS)));
      assertEquals(
          List.of(new PlatformInfo.Guest(handle, POLICY, 7, GuestState.RUNNING)),
          host.psp.info().guests());

      host.must(SevCommand.DEACTIVATE, handle);
      host.must(SevCommand.DECOMMISSION, handle);
      assertEquals(PlatformState.INIT, host.psp.info().state());
      assertTrue(
          host.psp.history().stream().allMatch(r -> r.status() == 0 && r.reason().isEmpty()));
    }
  }

  private static int indexOf(byte[] all, byte[] part) {
    for (int i = 0; i + part.length <= all.length; i++) {
      if (Arrays.equals(all, i, i + part.length, part, 0, part.length)) {
        return i;
      }
    }
    return -1;
  }

  @Test
  void shouldRefuseASecretForAnotherLaunch() {
    try (Host host = new Host().init()) {
      Host.Owner owner = host.owner(POLICY);
      int handle = host.launchStart(POLICY, owner);
      host.activate(handle, 1);
      host.update(handle);
      Measurement m = host.measure(handle);
      byte[] before = host.getPrivate(1, Host.GUEST, 64);
      byte[] otherNonce = m.toBytes();
      otherNonce[0] ^= 1;
      TransportKeys.Packet packet =
          owner.keys().sealSecret(new byte[32], new byte[16], new Measurement(otherNonce));
      assertEquals(FirmwareStatus.BAD_MEASUREMENT, host.secret(handle, packet, Host.GUEST));
      assertTrue(host.lastReason().startsWith("HDR.MAC: expected"), host.lastReason());
      assertArrayEquals(before, host.getPrivate(1, Host.GUEST, 64));
    }
  }

  @Test
  void shouldMeasureLongRunsInOneDigestAsShortOnes() {
    try (Host host = new Host().init()) {
      int bytes = (1 << 20) + 0x12340;
      long spa = Host.GUEST + 0x30;
      byte[] image = new byte[bytes];
      host.random.nextBytes(image);
      host.put(spa, image);
      int handle = host.launchStartUnattested(0);
      host.activate(handle, 3);
      var buffer = new org.redoubt.spec.sev.command.LaunchUpdateBuffer(handle, spa, bytes);
      assertEquals(
          FirmwareStatus.SUCCESS, host.issue(SevCommand.LAUNCH_UPDATE_DATA, buffer::write));
      Guest guest = host.platform().guest(handle).orElseThrow();
      assertArrayEquals(Primitives.sha256(image), guest.launchDigest());
      assertArrayEquals(image, host.getPrivate(3, spa, bytes));
      // A run that fails on the way leaves the digest as it was.
      host.memory.suspendAfter(5, "Engine x is gone.");
      assertEquals(
          FirmwareStatus.HWERROR_PLATFORM,
          host.issue(SevCommand.LAUNCH_UPDATE_DATA, buffer::write));
      assertTrue(host.lastReason().contains("Engine x is gone."), host.lastReason());
      host.memory.suspend(null);
      assertArrayEquals(Primitives.sha256(image), guest.launchDigest());
    }
  }

  @Test
  void shouldKeepTheRestOfAPageWhenARangeStartsWithinIt() {
    try (Host host = new Host().init()) {
      byte[] page = new byte[4096];
      host.random.nextBytes(page);
      host.put(Host.GUEST, page);
      int handle = host.launchStartUnattested(0);
      host.activate(handle, 3);
      assertEquals(
          FirmwareStatus.SUCCESS,
          host.issue(
              SevCommand.LAUNCH_UPDATE_DATA,
              new org.redoubt.spec.sev.command.LaunchUpdateBuffer(handle, Host.GUEST + 16, 32)
                  ::write));
      assertArrayEquals(Arrays.copyOf(page, 16), host.get(Host.GUEST, 16));
      assertArrayEquals(Arrays.copyOfRange(page, 48, 4096), host.get(Host.GUEST + 48, 4096 - 48));
      assertArrayEquals(Arrays.copyOfRange(page, 16, 48), host.getPrivate(3, Host.GUEST + 16, 32));
    }
  }

  @Test
  void shouldGiveEachGuestAKeyOfItsOwnUnlessItIsShared() {
    try (Host host = new Host().init()) {
      int a = host.launchStartUnattested(0);
      int b = host.launchStartUnattested(0);
      assertEquals(
          FirmwareStatus.SUCCESS,
          host.issue(SevCommand.LAUNCH_START, new LaunchStartBuffer(a, 0, 0, 0, 0, 0)::write));
      int c = LaunchStartBuffer.read(host.buffer(SevCommand.LAUNCH_START)).handle();
      host.activate(a, 1);
      host.activate(b, 2);
      host.activate(c, 3);
      assertNotEquals(hex(host.memory.keyOf(1)), hex(host.memory.keyOf(2)));
      assertEquals(hex(host.memory.keyOf(1)), hex(host.memory.keyOf(3)));
      byte[] before = host.memory.keyOf(1);
      assertEquals(Optional.empty(), host.memory.changeEngineOf(1, "other-engine"));
      assertNotEquals(hex(before), hex(host.memory.keyOf(1)), "one key per engine");
    }
  }

  private static String hex(byte[] b) {
    return HexFormat.of().formatHex(b);
  }

  @Test
  void shouldWantWbinvdThenDfFlushBeforeAnAsidIsUsedAgain() {
    try (Host host = new Host().init()) {
      int a = host.launchStartUnattested(0);
      int b = host.launchStartUnattested(0);
      host.activate(a, 5);
      host.must(SevCommand.DEACTIVATE, a);
      var again = new ActivateBuffer(b, 5);
      assertEquals(FirmwareStatus.WBINVD_REQUIRED, host.issue(SevCommand.ACTIVATE, again::write));
      assertEquals(FirmwareStatus.WBINVD_REQUIRED, host.issue(SevCommand.DF_FLUSH));
      host.memory.wbinvd();
      assertEquals(FirmwareStatus.DFFLUSH_REQUIRED, host.issue(SevCommand.ACTIVATE, again::write));
      assertEquals(FirmwareStatus.SUCCESS, host.issue(SevCommand.DF_FLUSH));
      assertEquals(FirmwareStatus.SUCCESS, host.issue(SevCommand.ACTIVATE, again::write));
      assertEquals(
          FirmwareStatus.ASID_OWNED,
          host.issue(SevCommand.ACTIVATE, new ActivateBuffer(a, 5)::write));
      assertTrue(host.lastReason().contains("5 of guest " + b), host.lastReason());
    }
  }

  @Test
  void shouldTellTheNeededLengthWhenABufferIsShort() {
    try (Host host = new Host().init()) {
      assertEquals(
          FirmwareStatus.INVALID_LEN,
          host.issue(SevCommand.GET_ID, new GetIdBuffer(Host.OUT, 0)::write));
      assertEquals(64, GetIdBuffer.read(host.buffer(SevCommand.GET_ID)).idLen());
      int handle = host.launchStartUnattested(0);
      assertEquals(
          FirmwareStatus.INVALID_LEN,
          host.issue(SevCommand.LAUNCH_MEASURE, new LaunchMeasureBuffer(handle, 0, 0)::write));
      assertEquals(
          48, LaunchMeasureBuffer.read(host.buffer(SevCommand.LAUNCH_MEASURE)).measureLen());
      assertEquals(GuestState.LUPDATE, host.platform().guest(handle).orElseThrow().state());
    }
  }

  @Test
  void shouldReportThePlatform() {
    try (Host host = new Host()) {
      host.issue(SevCommand.PLATFORM_STATUS);
      assertEquals(
          new PlatformStatusBuffer(1, 55, 0, 0, 1, 0),
          PlatformStatusBuffer.read(host.buffer(SevCommand.PLATFORM_STATUS)));
      host.init();
      host.launchStartUnattested(0);
      host.issue(SevCommand.PLATFORM_STATUS);
      assertEquals(
          new PlatformStatusBuffer(1, 55, 2, 0, 1, 1),
          PlatformStatusBuffer.read(host.buffer(SevCommand.PLATFORM_STATUS)));
      assertEquals(FirmwareStatus.SUCCESS, host.issue(SevCommand.SHUTDOWN));
      assertEquals(PlatformState.UNINIT, host.psp.info().state());
      assertEquals(List.of(), host.psp.info().guests());
    }
  }

  @Test
  void shouldInterruptWhenAskedAndEnabled() {
    try (Host host = new Host()) {
      AtomicInteger interrupts = new AtomicInteger();
      var m = host.mailbox();
      m.onInterrupt(interrupts::incrementAndGet);
      int status = SevCommand.PLATFORM_STATUS.id();
      m.write(Mailbox.CMDBUF_ADDR_LO, (int) Host.BUFFER);
      m.write(Mailbox.CMDRESP, Mailbox.commandWord(status, true));
      assertEquals(0, interrupts.get(), "not enabled");
      m.write(Mailbox.INTEN, -1);
      m.write(Mailbox.INTSTS, -1);
      m.write(Mailbox.CMDRESP, Mailbox.commandWord(status, false));
      assertEquals(0, interrupts.get(), "not asked");
      assertEquals(0, m.read(Mailbox.INTSTS));
      m.write(Mailbox.CMDRESP, Mailbox.commandWord(status, true));
      assertEquals(1, interrupts.get());
      assertEquals(Mailbox.CMD_COMPLETE, m.read(Mailbox.INTSTS));
      m.write(Mailbox.INTSTS, Mailbox.CMD_COMPLETE);
      assertEquals(0, m.read(Mailbox.INTSTS));
      assertEquals(Mailbox.FEATURE_SEV, m.read(Mailbox.FEATURES));
      assertEquals(-1, m.read(0x10500));
      m.write(0x10500, 1);
    }
  }

  @Test
  void shouldNameThePolicyThatRefusesFailsOrHangs() {
    try (Host host = new Host(Duration.ofSeconds(2)).init()) {
      host.policies.add(new NamedPolicy("calm", r -> Optional.empty()));
      host.launchStartUnattested(0);
      host.policies.add(new NamedPolicy("no-start", r -> Optional.of("not on a Sunday")));
      assertRefused(host, "Policy no-start refuses: not on a Sunday");
      host.policies.set(
          1,
          new NamedPolicy(
              "broken",
              r -> {
                throw new IllegalStateException("boom");
              }));
      assertRefused(
          host, "Policy broken refuses: it failed with java.lang.IllegalStateException: boom");
      host.policies.set(
          1,
          new NamedPolicy(
              "slow",
              r -> {
                while (true) {
                  Thread.onSpinWait();
                  if (Thread.interrupted()) {
                    return Optional.empty();
                  }
                }
              }));
      assertRefused(host, "Policy slow refuses: it did not answer within 2000 ms");
      host.policies.remove(1);
      host.launchStartUnattested(0);
    }
  }

  private static void assertRefused(Host host, String reason) {
    assertEquals(
        FirmwareStatus.POLICY_FAILURE,
        host.issue(SevCommand.LAUNCH_START, new LaunchStartBuffer(0, 0, 0, 0, 0, 0)::write));
    assertEquals(reason, host.lastReason());
    assertEquals(1, host.psp.info().guests().size(), "nothing changed");
  }

  @Test
  void shouldAskPoliciesBeforeALiveGuestChangesItsEngine() {
    try (Host host = new Host().init()) {
      int a = host.launchStartUnattested(0x1);
      host.activate(a, 9);
      host.policies.add(
          new NamedPolicy(
              "stay",
              r ->
                  r.operation().equals("ENGINE_CHANGE")
                      ? Optional.of("no change to " + r.details().get("ENGINE"))
                      : Optional.empty()));
      assertEquals(
          Optional.of("Policy stay refuses: no change to new-engine"),
          host.memory.changeEngineOf(9, "new-engine"));
    }
  }

  @Test
  void shouldFailCleanlyWhileMemoryIsSuspended() {
    try (Host host = new Host().init()) {
      int a = host.launchStartUnattested(0);
      host.activate(a, 1);
      byte[] before = host.platform().guest(a).orElseThrow().launchDigest();
      host.memory.suspend("Engine x is gone.");
      assertEquals(
          FirmwareStatus.HWERROR_PLATFORM,
          host.issue(SevCommand.PLATFORM_STATUS.id(), Host.BUFFER));
      assertTrue(host.lastReason().contains("Engine x is gone."), host.lastReason());
      host.memory.suspend(null);
      assertArrayEquals(before, host.platform().guest(a).orElseThrow().launchDigest());
    }
  }

  @Test
  void shouldRecordWhatWasAskedAndWhyItWasRefused() {
    try (Host host = new Host()) {
      assertEquals(FirmwareStatus.INVALID_COMMAND, host.issue(0x7FF, 0));
      CommandRecord r = host.last();
      assertEquals("UNKNOWN", r.name());
      assertEquals(0x7FF, r.command());
      assertEquals("INVALID_COMMAND", r.statusName());
      assertEquals("CMDRESP: expected a command, found 7FFh", r.reason());
      assertEquals(
          FirmwareStatus.INVALID_PLATFORM_STATE,
          host.issue(SevCommand.DECOMMISSION, new HandleBuffer(1)::write));
      assertEquals("Platform state: expected [INIT, WORKING], found UNINIT", host.lastReason());
      for (int i = 0; i < History.CAPACITY + 5; i++) {
        host.issue(0x7FF, 0);
      }
      assertEquals(History.CAPACITY, host.psp.history().size());
    }
  }

  @Test
  void shouldServeTwoCallersWithoutMixingUpState() throws InterruptedException {
    try (Host host = new Host().init()) {
      AtomicInteger failures = new AtomicInteger();
      Runnable storm =
          () -> {
            java.util.Random r = new java.util.Random();
            for (int i = 0; i < 300; i++) {
              try {
                host.mailbox().write(Mailbox.CMDBUF_ADDR_LO, (int) Host.BUFFER + r.nextInt(64));
                host.mailbox()
                    .write(Mailbox.CMDRESP, Mailbox.commandWord(r.nextInt(0x40), r.nextBoolean()));
                host.psp.info();
                host.psp.history();
              } catch (RuntimeException e) {
                failures.incrementAndGet();
              }
            }
          };
      Thread a = new Thread(storm);
      Thread b = new Thread(storm);
      a.start();
      b.start();
      a.join();
      b.join();
      assertEquals(0, failures.get());
      assertTrue(
          host.psp.history().stream().noneMatch(r -> r.reason().startsWith("Bug")),
          () -> host.psp.history().toString());
      assertTrue((host.mailbox().read(Mailbox.CMDRESP) & Mailbox.RESP) != 0);
    }
  }

  @Test
  void shouldClearEveryKeyOnClose() {
    Host host = new Host().init();
    int a = host.launchStartUnattested(0);
    host.activate(a, 1);
    Guest guest = host.platform().guest(a).orElseThrow();
    host.close();
    assertTrue(guest.keys().transport().tik().isClosed());
    assertEquals(0, host.memory.liveKeys());
    assertEquals(FirmwareStatus.HWERROR_PLATFORM, host.issue(SevCommand.INIT));
    assertFalse(host.psp.info().state() == PlatformState.WORKING);
  }
}
