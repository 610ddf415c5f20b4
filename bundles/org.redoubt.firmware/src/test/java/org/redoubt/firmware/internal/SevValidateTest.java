package org.redoubt.firmware.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.redoubt.crypto.TransportKeys;
import org.redoubt.owner.OwnerSession;
import org.redoubt.owner.SecretTable;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.command.Measurement;
import org.redoubt.spec.sev.command.PacketHeader;
import org.redoubt.spec.sev.command.SessionBlob;
import org.redoubt.testkit.tool.DebianTool;

/**
 * A guest owner with Debian's {@code virt-qemu-sev-validate}, which knows nothing of us, takes our
 * measurements and gives us a secret.
 */
final class SevValidateTest {
  private static final GuestPolicy POLICY = new GuestPolicy(0x0001_0001);
  private static final UUID LUKS_KEY = UUID.fromString("736869e5-84f0-4973-92ec-06879ce3da0b");
  private static final int ASID = 5;

  @TempDir Path folder;

  @Test
  void shouldSatisfyTheToolAndTakeItsSecret() throws Exception {
    DebianTool tool = DebianTool.sevValidate();
    try (Host host = new Host().init()) {
      OwnerSession.SessionFiles files;
      try (OwnerSession session =
          OwnerSession.start(host.platform().keys().pdhCertificate(), POLICY, host.random)) {
        files = session.save(folder, "vm");
      }
      byte[] image = new byte[Host.GUEST_BYTES];
      host.random.nextBytes(image);
      Files.write(folder.resolve("firmware.bin"), image);
      int handle = launch(host, files, image);
      Measurement m = host.measure(handle);

      Map<String, String> good = new LinkedHashMap<>();
      good.put("--measurement", Base64.getEncoder().encodeToString(m.toBytes()));
      good.put("--api-major", "1");
      good.put("--api-minor", "55");
      good.put("--build-id", "1");
      good.put("--policy", String.valueOf(POLICY.bits()));
      good.put("--firmware", folder.resolve("firmware.bin").toString());
      good.put("--tik", files.tik().toString());
      good.put("--tek", files.tek().toString());
      assertAccepted(tool, good);
      refuses(tool, good, image, m, files);
      injects(tool, good, host, handle);
    }
  }

  private static int launch(Host host, OwnerSession.SessionFiles files, byte[] image)
      throws Exception {
    host.put(Host.GUEST, image);
    host.put(Host.CERT, OwnerSession.readBlob(files.dhCertificate(), SevCertificate.BYTES));
    host.put(
        Host.SESSION, OwnerSession.readBlob(files.session(), (int) SessionBlob.LAYOUT.byteSize()));
    assertEquals(
        FirmwareStatus.SUCCESS,
        host.issue(SevCommand.LAUNCH_START, Host.startBuffer(POLICY)::write),
        host::lastReason);
    int handle = host.psp.info().guests().getFirst().handle();
    host.activate(handle, ASID);
    host.update(handle);
    return handle;
  }

  private static DebianTool.Result run(DebianTool tool, Map<String, String> options)
      throws Exception {
    return tool.run(
        options.entrySet().stream()
            .flatMap(e -> java.util.stream.Stream.of(e.getKey(), e.getValue()))
            .toArray(String[]::new));
  }

  private static void assertAccepted(DebianTool tool, Map<String, String> options)
      throws Exception {
    DebianTool.Result r = run(tool, options);
    assertEquals(0, r.exit(), r.output());
    assertTrue(r.output().contains("OK: Looks good to me"), r.output());
  }

  private void refuses(
      DebianTool tool,
      Map<String, String> good,
      byte[] image,
      Measurement m,
      OwnerSession.SessionFiles files)
      throws Exception {
    byte[] otherImage = image.clone();
    otherImage[0x1234] ^= 1;
    Files.write(folder.resolve("other.bin"), otherImage);
    byte[] otherNonce = m.toBytes();
    otherNonce[40] ^= 1;
    byte[] otherTik = Files.readAllBytes(files.tik());
    otherTik[3] ^= 1;
    Files.write(folder.resolve("other_tik.bin"), otherTik);
    Map<String, String> changes = new LinkedHashMap<>();
    changes.put("--policy", String.valueOf(POLICY.bits() ^ 2));
    changes.put("--build-id", "2");
    changes.put("--firmware", folder.resolve("other.bin").toString());
    changes.put("--measurement", Base64.getEncoder().encodeToString(otherNonce));
    changes.put("--tik", folder.resolve("other_tik.bin").toString());
    for (Map.Entry<String, String> change : changes.entrySet()) {
      Map<String, String> bad = new LinkedHashMap<>(good);
      bad.put(change.getKey(), change.getValue());
      DebianTool.Result r = run(tool, bad);
      assertNotEquals(0, r.exit(), change.getKey() + ": " + r.output());
      assertTrue(r.output().contains("does not match"), change.getKey() + ": " + r.output());
    }
  }

  private void injects(DebianTool tool, Map<String, String> good, Host host, int handle)
      throws Exception {
    byte[] secret = "open sesame".getBytes(StandardCharsets.US_ASCII);
    Files.write(folder.resolve("secret.txt"), secret);
    Map<String, String> options = new LinkedHashMap<>(good);
    options.put("--inject-secret", LUKS_KEY + ":" + folder.resolve("secret.txt"));
    options.put("--secret-payload", folder.resolve("payload.b64").toString());
    options.put("--secret-header", folder.resolve("header.b64").toString());
    DebianTool.Result r = run(tool, options);
    assertEquals(0, r.exit(), r.output());
    byte[] header =
        OwnerSession.readBlob(folder.resolve("header.b64"), (int) PacketHeader.LAYOUT.byteSize());
    byte[] payload =
        Base64.getDecoder().decode(Files.readString(folder.resolve("payload.b64")).strip());
    TransportKeys.Packet packet = new TransportKeys.Packet(new PacketHeader(header), payload);

    byte[] damaged = payload.clone();
    damaged[0] ^= 1;
    assertEquals(
        FirmwareStatus.BAD_MEASUREMENT,
        host.secret(
            handle, new TransportKeys.Packet(packet.header(), damaged), Host.GUEST + 0x800));
    assertEquals(
        FirmwareStatus.SUCCESS, host.secret(handle, packet, Host.GUEST + 0x800), host::lastReason);
    byte[] table = host.getPrivate(ASID, Host.GUEST + 0x800, payload.length);
    assertArrayEquals(
        SecretTable.build(Map.of(LUKS_KEY, secret)),
        Arrays.copyOf(table, SecretTable.build(Map.of(LUKS_KEY, secret)).length));
    host.must(SevCommand.LAUNCH_FINISH, handle);
  }
}
