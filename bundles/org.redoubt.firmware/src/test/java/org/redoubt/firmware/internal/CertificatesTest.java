package org.redoubt.firmware.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.firmware.CertificateSet;
import org.redoubt.api.firmware.SecureProcessorConfig;
import org.redoubt.crypto.ChainReport;
import org.redoubt.firmware.internal.keys.Chip;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.cert.PlatformChain;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.command.GetIdBuffer;
import org.redoubt.spec.sev.command.PdhCertExportBuffer;
import org.redoubt.testkit.firmware.ModelMemory;

final class CertificatesTest {
  @TempDir Path state;

  private static PlatformChain export(Host host) {
    long certs = Host.GUEST;
    assertEquals(
        FirmwareStatus.SUCCESS,
        host.issue(
            SevCommand.PDH_CERT_EXPORT,
            new PdhCertExportBuffer(
                    Host.OUT, SevCertificate.BYTES, certs, PlatformChain.CERTS_BYTES)
                ::write),
        host::lastReason);
    byte[] all = Arrays.copyOf(host.get(Host.OUT, SevCertificate.BYTES), PlatformChain.BYTES);
    System.arraycopy(
        host.get(certs, PlatformChain.CERTS_BYTES),
        0,
        all,
        SevCertificate.BYTES,
        PlatformChain.CERTS_BYTES);
    return PlatformChain.of(all);
  }

  @Test
  void shouldKeepOneIdentityPerChipAcrossPowerCycles() throws Exception {
    byte[] id;
    PlatformChain first;
    CertificateSet set;
    try (Host host = new Host(Optional.of(state)).init()) {
      first = export(host);
      set = host.psp.certificates();
      assertEquals(Optional.of(first), set.platform());
      assertEquals(
          Optional.empty(), ChainReport.of(set.ark(), set.ark(), set.ask(), first).firstFinding());
      host.issue(SevCommand.GET_ID, new GetIdBuffer(Host.OUT, 64)::write);
      id = host.get(Host.OUT, 64);
    }
    assertNotEquals(
        -1, new String(set.ark().keyId(), StandardCharsets.US_ASCII).indexOf("REDOUBT-DEV"));
    try (Host host = new Host(Optional.of(state)).init()) {
      assertEquals(first, export(host), "same chain after a restart");
      assertEquals(FirmwareStatus.SUCCESS, host.issue(SevCommand.PDH_GEN));
      PlatformChain next = export(host);
      assertNotEquals(first.pdh(), next.pdh());
      assertEquals(first.pek(), next.pek());
      assertValid(set, next);
      assertEquals(FirmwareStatus.SUCCESS, host.issue(SevCommand.PEK_GEN));
      PlatformChain own = export(host);
      assertNotEquals(next.pek(), own.pek());
      assertNotEquals(next.oca(), own.oca());
      assertEquals(next.cek(), own.cek());
      assertValid(set, own);
      assertEquals(FirmwareStatus.SUCCESS, host.issue(SevCommand.SHUTDOWN));
      assertEquals(Optional.empty(), host.psp.certificates().platform());
      assertEquals(FirmwareStatus.SUCCESS, host.issue(SevCommand.PLATFORM_RESET));
      host.init();
      PlatformChain reset = export(host);
      assertNotEquals(own.pek(), reset.pek());
      assertEquals(own.cek(), reset.cek(), "the chip stays");
      assertValid(set, reset);
      host.issue(SevCommand.GET_ID, new GetIdBuffer(Host.OUT, 64)::write);
      assertArrayEquals(id, host.get(Host.OUT, 64));
    }
    damagedState();
    damagedRoot();
  }

  private static void assertValid(CertificateSet set, PlatformChain chain) {
    assertEquals(
        Optional.empty(), ChainReport.of(set.ark(), set.ark(), set.ask(), chain).firstFinding());
  }

  private void damagedState() throws Exception {
    Path sealed = state.resolve("platform.sealed");
    byte[] good = Files.readAllBytes(sealed);
    for (int at : new int[] {0, 12, good.length - 1}) {
      byte[] bad = good.clone();
      bad[at] ^= 1;
      Files.write(sealed, bad);
      try (Host host = new Host(Optional.of(state))) {
        assertEquals(FirmwareStatus.SECURE_DATA_INVALID, host.issue(SevCommand.INIT));
        assertTrue(host.lastReason().startsWith("Kept state: expected"), host.lastReason());
      }
    }
    Files.write(sealed, new byte[3]);
    try (Host host = new Host(Optional.of(state))) {
      assertEquals(FirmwareStatus.SECURE_DATA_INVALID, host.issue(SevCommand.INIT));
      assertEquals(FirmwareStatus.SUCCESS, host.issue(SevCommand.PLATFORM_RESET));
      assertEquals(FirmwareStatus.SUCCESS, host.issue(SevCommand.INIT));
    }
  }

  private void damagedRoot() throws Exception {
    Path ask = state.resolve("root.ask");
    byte[] bytes = Files.readAllBytes(ask);
    bytes[0x40] ^= 1;
    Files.write(ask, bytes);
    try (Host host = new Host(Optional.of(state)).init()) {
      assertEquals(
          FirmwareStatus.HWERROR_PLATFORM,
          host.issue(
              SevCommand.PDH_CERT_EXPORT,
              new PdhCertExportBuffer(Host.OUT, 2084, Host.GUEST, 3 * 2084)::write));
      assertTrue(host.lastReason().contains("Root is damaged"), host.lastReason());
    }
  }

  @Test
  void shouldRefuseASessionForAFormerPdh() {
    try (Host host = new Host().init()) {
      GuestPolicy policy = new GuestPolicy(0);
      Host.Owner owner = host.owner(policy);
      assertEquals(FirmwareStatus.SUCCESS, host.issue(SevCommand.PDH_GEN));
      host.put(Host.CERT, owner.dhCert().toBytes());
      host.put(Host.SESSION, owner.session().toBytes());
      assertEquals(
          FirmwareStatus.BAD_MEASUREMENT,
          host.issue(SevCommand.LAUNCH_START, Host.startBuffer(policy)::write));
      assertTrue(host.lastReason().startsWith("SESSION.WRAP_MAC"), host.lastReason());
    }
  }

  @Test
  void shouldSayWhatIsWrongWithAStateFolder() throws Exception {
    Files.write(state.resolve("chip.secret"), new byte[5]);
    HypervisorException e =
        assertThrows(
            HypervisorException.class,
            () ->
                new SevFirmwareFactory()
                    .create(
                        new SecureProcessorConfig(
                            "psp0", new ModelMemory(1 << 20), Optional.of(state), List::of)));
    assertTrue(
        e.getMessage() != null && e.getMessage().contains("chip.secret has 5 bytes, not 32"),
        e.getMessage());
  }

  @Test
  void shouldGiveEveryChipItsOwnCek() throws Exception {
    try (Chip a = Chip.open(Optional.empty(), new java.security.SecureRandom());
        Chip b = Chip.open(Optional.empty(), new java.security.SecureRandom())) {
      assertNotEquals(a.cek().publicKey(), b.cek().publicKey());
      assertNotEquals(Arrays.hashCode(a.id()), Arrays.hashCode(b.id()));
    }
  }
}
