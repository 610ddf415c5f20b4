package org.redoubt.firmware.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.redoubt.api.firmware.SecureProcessor;
import org.redoubt.api.firmware.SecureProcessorConfig;
import org.redoubt.crypto.InsecureSecretAccess;
import org.redoubt.crypto.P256Certificates;
import org.redoubt.crypto.P256Key;
import org.redoubt.crypto.SecretBytes;
import org.redoubt.crypto.TransportKeys;
import org.redoubt.spec.sev.Mailbox;
import org.redoubt.spec.sev.RfcCommand;
import org.redoubt.struct.Layouts;
import org.redoubt.testkit.firmware.ModelMemory;

/**
 * Owners, and guests on their way, in the seed's profile. SOURCE of offsets: {@link RfcCommand}.
 */
final class RfcTransferTest {
  private static final int GUEST_PIECE = 0x8000;
  private static final int PIECE_BYTES = 256;
  private static final Instant NOW = Instant.now();

  @TempDir Path folder;

  private final Set<RfcCommand> done = EnumSet.noneOf(RfcCommand.class);

  /** Platforms to be closed. */
  private final List<Side> sides = new java.util.ArrayList<>();

  private final class Side {
    final ModelMemory memory = new ModelMemory(1 << 20);
    final SecureProcessor psp;
    final Path state;

    Side(String name) throws Exception {
      state = folder.resolve(name);
      psp =
          new SevRfcFirmwareFactory()
              .create(new SecureProcessorConfig(name, memory, Optional.of(state), List::of));
      sides.add(this);
      must(RfcCommand.INIT, b -> {});
    }

    int issue(RfcCommand command, byte[] buffer) {
      memory.view(0).write(0x1000, MemorySegment.ofArray(buffer));
      psp.mailbox().write(RfcCommand.CMDBUF_ADDR_LO, 0x1000);
      psp.mailbox().write(RfcCommand.CMDBUF_ADDR_HI, 0);
      psp.mailbox().write(RfcCommand.CMDRESP, command.id() << 16);
      int status = Mailbox.status(psp.mailbox().read(RfcCommand.CMDRESP));
      if (status == 0) {
        done.add(command);
      }
      return status;
    }

    int issue(RfcCommand command, Consumer<MemorySegment> fill) {
      byte[] raw = new byte[command.bufferBytes()];
      MemorySegment b = MemorySegment.ofArray(raw);
      if (raw.length > 0) {
        b.set(Layouts.LE32, 0, raw.length);
      }
      fill.accept(b);
      return issue(command, raw);
    }

    void must(RfcCommand command, Consumer<MemorySegment> fill) {
      assertEquals(0, issue(command, fill), this::reason);
    }

    void must(RfcCommand command, byte[] buffer) {
      assertEquals(0, issue(command, buffer), this::reason);
    }

    String reason() {
      return psp.history().getLast().toString();
    }

    byte[] answer(int bytes) {
      return get(0x1000, bytes);
    }

    byte[] get(long spa, int bytes) {
      byte[] out = new byte[bytes];
      memory.view(0).read(spa, MemorySegment.ofArray(out));
      return out;
    }

    int length() {
      return memory.view(0).getInt(0x1000);
    }

    /** A command whose answer is as long as it says. */
    byte[] whole(RfcCommand command) {
      assertEquals(4, issue(command, b -> {}), this::reason); // CMDBUF_TOO_SMALL
      int needed = length();
      must(command, le32(new byte[needed], 0, needed));
      assertEquals(needed, length());
      return answer(needed);
    }

    byte[] makersSignature() {
      try {
        return Files.readAllBytes(state.resolve("cek.rfc-signature"));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    int launch(int policy) {
      must(RfcCommand.LAUNCH_START, b -> b.set(Layouts.LE32, 12, policy));
      int guest = memory.view(0).getInt(0x1004);
      must(RfcCommand.ACTIVATE, b -> le32(le32(b, 4, guest), 8, 1));
      byte[] content = new byte[2 * PIECE_BYTES];
      Arrays.fill(content, (byte) 0x77);
      memory.view(0).write(GUEST_PIECE, MemorySegment.ofArray(content));
      must(
          RfcCommand.LAUNCH_UPDATE,
          b -> {
            le32(b, 4, guest);
            b.set(Layouts.LE64, 8, GUEST_PIECE);
            le32(b, 16, content.length);
          });
      must(RfcCommand.LAUNCH_FINISH, b -> le32(b, 4, guest));
      return guest;
    }
  }

  @AfterEach
  void powerOff() {
    sides.forEach(s -> s.psp.close());
  }

  private static byte[] le32(byte[] bytes, int at, int value) {
    le32(MemorySegment.ofArray(bytes), at, value);
    return bytes;
  }

  private static MemorySegment le32(MemorySegment b, int at, int value) {
    b.set(Layouts.LE32, at, value);
    return b;
  }

  private static void copy(byte[] from, int at, byte[] to, int to0, int count) {
    System.arraycopy(from, at, to, to0, count);
  }

  /** Two platforms of one maker. */
  private Side second() throws Exception {
    Path state = Files.createDirectories(folder.resolve("second"));
    Files.copy(folder.resolve("first").resolve("maker.key"), state.resolve("maker.key"));
    return new Side("second");
  }

  /** What SEND_START takes of a target: its export, and what the maker says of its CEK. */
  private static byte[] target(int guest, byte[] export, byte[] makersSignature) {
    int certs = export.length - 0x114;
    byte[] b = new byte[0x1F0 + certs];
    le32(b, 0, b.length);
    le32(b, 0x98, guest);
    copy(export, 4, b, 0xA0, 8 + 64); // version, serial number, PDH
    copy(export, 0x4C, b, 0xE8, 3 * 64); // PEK_SIG, CEK_SIG, CEK_PUB
    copy(makersSignature, 0, b, 0x1A8, 64);
    copy(export, 0x10C, b, 0x1E8, 8 + certs);
    return b;
  }

  private static byte[] receiveStart(byte[] sent, byte[] sendersExport) {
    byte[] b = new byte[208];
    le32(b, 0, b.length);
    copy(sent, 0x14, b, 0x0C, 4 + 32); // policy and its measurement
    copy(sent, 0x38, b, 0x30, 24);
    copy(sent, 0x58, b, 0x50, 24);
    copy(sent, 0x78, b, 0x70, 16); // TEN
    copy(sendersExport, 0x0C, b, 0x80, 64);
    copy(sent, 4, b, 0xC0, 16); // nonce
    return b;
  }

  @Test
  void shouldSendAGuestToASecondPlatformByEveryCommandOfThePosting() throws Exception {
    Side from = new Side("first");
    byte[] sender = from.whole(RfcCommand.PDH_CERT_EXPORT);
    Side to = second();
    byte[] export = to.whole(RfcCommand.PDH_CERT_EXPORT);
    int guest = from.launch(0);
    from.must(RfcCommand.SEND_START, target(guest, export, to.makersSignature()));
    byte[] sent = from.answer(0x1F0);
    to.must(RfcCommand.RECEIVE_START, receiveStart(sent, sender));
    int received = to.memory.view(0).getInt(0x1004);
    to.must(RfcCommand.ACTIVATE, b -> le32(le32(b, 4, received), 8, 3));
    byte[] iv = Arrays.copyOfRange(sent, 0x88, 0x98);
    for (int i = 0; i < 2; i++) {
      long at = GUEST_PIECE + i * PIECE_BYTES;
      from.must(
          RfcCommand.SEND_UPDATE,
          b -> {
            le32(le32(b, 4, guest), 24, PIECE_BYTES);
            b.set(Layouts.LE64, 8, at);
            b.set(Layouts.LE64, 16, 0x4000);
          });
      byte[] piece = from.get(0x4000, PIECE_BYTES);
      assertFalse(Arrays.equals(piece, new byte[PIECE_BYTES]));
      to.memory.view(0).write(at, MemorySegment.ofArray(piece));
      byte[] update = le32(le32(le32(new byte[36], 0, 36), 4, received), 32, PIECE_BYTES);
      copy(plus(iv, i * PIECE_BYTES / 16), 0, update, 8, 16);
      MemorySegment.ofArray(update).set(Layouts.LE64, 24, at);
      to.must(RfcCommand.RECEIVE_UPDATE, update);
    }
    from.must(RfcCommand.SEND_FINISH, b -> le32(b, 4, guest));
    byte[] measurement = Arrays.copyOfRange(from.answer(40), 8, 40);
    byte[] finish = le32(le32(new byte[40], 0, 40), 4, received);
    copy(measurement, 0, finish, 8, 32);
    finish[20] ^= 1;
    assertEquals(11, to.issue(RfcCommand.RECEIVE_FINISH, finish), to::reason); // BAD_MEASUREMENT
    finish[20] ^= 1;
    to.must(RfcCommand.RECEIVE_FINISH, finish);
    byte[] seen = new byte[2 * PIECE_BYTES];
    to.memory.view(3).read(GUEST_PIECE, MemorySegment.ofArray(seen));
    byte[] content = new byte[2 * PIECE_BYTES];
    Arrays.fill(content, (byte) 0x77);
    assertArrayEquals(content, seen);
    rest(to, received);
    assertEquals(EnumSet.allOf(RfcCommand.class), done, "every command was carried out");
  }

  /** What a transfer does not need. */
  private static void rest(Side to, int guest) throws Exception {
    to.must(RfcCommand.GUEST_STATUS, b -> le32(b, 4, guest));
    assertEquals(3, to.answer(17)[16], "RUNNING");
    for (RfcCommand debug : List.of(RfcCommand.DBG_DECRYPT, RfcCommand.DBG_ENCRYPT)) {
      to.must(
          debug,
          b -> {
            le32(le32(b, 4, guest), 24, 16);
            b.set(Layouts.LE64, 8, debug == RfcCommand.DBG_DECRYPT ? GUEST_PIECE : 0x6000);
            b.set(Layouts.LE64, 16, debug == RfcCommand.DBG_DECRYPT ? 0x6000 : GUEST_PIECE);
          });
    }
    to.must(RfcCommand.DEACTIVATE, b -> le32(b, 4, guest));
    to.must(RfcCommand.DECOMMISSION, b -> le32(b, 4, guest));
    to.memory.wbinvd();
    to.must(RfcCommand.DF_FLUSH, b -> {});
    to.must(RfcCommand.PDH_GEN, b -> {});
    to.must(RfcCommand.PEK_GEN, b -> {});
    to.must(RfcCommand.PLATFORM_STATUS, b -> {});
    try (P256Key owner = key("owner")) {
      byte[] request = to.whole(RfcCommand.PEK_CSR);
      to.must(RfcCommand.PEK_CERT_IMPORT, importOf(2, chain(owner, point(request))));
    }
    to.must(RfcCommand.SHUTDOWN, b -> {});
    to.must(RfcCommand.FACTORY_RESET, b -> {});
  }

  private static byte[] plus(byte[] iv, int blocks) {
    byte[] big =
        new java.math.BigInteger(1, iv).add(java.math.BigInteger.valueOf(blocks)).toByteArray();
    byte[] out = new byte[16];
    int count = Math.min(16, big.length);
    copy(big, big.length - count, out, 16 - count, count);
    return out;
  }

  // Owners

  private static P256Key key(String name) {
    try (SecretBytes seed = SecretBytes.copyOf(name.getBytes(StandardCharsets.UTF_8))) {
      return P256Key.fromSeed(seed, "test");
    }
  }

  /** The uncompressed point of a request: behind its bit string's header. */
  private static byte[] point(byte[] answer) {
    byte[] header = {0x03, 0x42, 0x00, 0x04};
    for (int at = 4; at < answer.length - 64; at++) {
      if (Arrays.equals(header, Arrays.copyOfRange(answer, at, at + header.length))) {
        byte[] out = new byte[64];
        for (int i = 0; i < 32; i++) {
          out[i] = answer[at + 4 + 31 - i];
          out[32 + i] = answer[at + 4 + 63 - i];
        }
        return out;
      }
    }
    throw new AssertionError("no point");
  }

  private static byte[] join(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      out.writeBytes(part);
    }
    return out.toByteArray();
  }

  private static byte[] cert(
      P256Key by, String byName, byte[] point, String name, boolean authority, int days) {
    Instant from = NOW.minus(Duration.ofDays(2));
    return P256Certificates.issue(
        by, byName, point, name, authority, from, NOW.plus(Duration.ofDays(days)));
  }

  private static byte[] chain(P256Key owner, byte[] pek) {
    return join(
        cert(owner, "owner", pek, "pek", false, 9),
        cert(owner, "owner", owner.point(), "owner", true, 9));
  }

  private static byte[] importOf(int count, byte[] certs) {
    return join(
        le32(le32(le32(new byte[12], 0, 12 + certs.length), 4, count), 8, certs.length), certs);
  }

  @Test
  void shouldTakeAGoodOwnerOnlyAndKeepIt() throws Exception {
    Side side = new Side("first");
    byte[] request = side.whole(RfcCommand.PEK_CSR);
    byte[] pek = point(request);
    record Row(String name, int status, int count, byte[] certs) {}
    try (P256Key owner = key("owner");
        P256Key other = key("other")) {
      byte[] good = chain(owner, pek);
      byte[] root = cert(owner, "owner", owner.point(), "owner", true, 9);
      byte[] leaf = cert(owner, "owner", pek, "pek", false, 9);
      byte[] flipped = good.clone();
      flipped[flipped.length - 1] ^= 1;
      Row[] rows = {
        new Row("one certificate", 3, 1, leaf),
        new Row("nine certificates", 3, 9, good),
        new Row("one fewer than it says", 6, 3, good),
        new Row("one more than it says", 6, 2, join(leaf, root, root)),
        new Row("oversized", 4, 2, new byte[20000]),
        new Row("no certificates", 6, 2, new byte[100]),
        new Row("self-signed PEK", 6, 2, join(root, root)),
        new Row("wrong key", 6, 2, chain(owner, other.point())),
        new Row(
            "wrong chain", 6, 2, join(leaf, cert(other, "other", other.point(), "other", true, 9))),
        new Row(
            "wrong signer",
            10,
            2,
            join(leaf, cert(other, "owner", other.point(), "owner", true, 9))),
        new Row("bad signature", 10, 2, flipped),
        new Row("wrong order", 6, 2, join(root, leaf)),
        new Row(
            "no authority",
            6,
            2,
            join(leaf, cert(owner, "owner", owner.point(), "owner", false, 9))),
        new Row("PEK as authority", 6, 2, join(cert(owner, "owner", pek, "pek", true, 9), root)),
        new Row("expired", 6, 2, join(cert(owner, "owner", pek, "pek", false, -1), root)),
        new Row(
            "expired owner",
            6,
            2,
            join(leaf, cert(owner, "owner", owner.point(), "owner", true, -1))),
        new Row(
            "wrong curve", 6, 2, join(leaf, Files.readAllBytes(openssl("p384.der", "secp384r1")))),
      };
      for (Row row : rows) {
        assertEquals(
            row.status,
            side.issue(RfcCommand.PEK_CERT_IMPORT, importOf(row.count, row.certs)),
            () -> row.name + ": " + side.reason());
        assertFalse(side.reason().contains("\n"), row.name);
      }
      side.must(RfcCommand.PEK_CERT_IMPORT, importOf(2, good));
      assertEquals(5, side.issue(RfcCommand.PEK_CERT_IMPORT, importOf(2, good))); // ALREADY_OWNED
      byte[] export = side.whole(RfcCommand.PDH_CERT_EXPORT);
      assertArrayEquals(good, Arrays.copyOfRange(export, 0x114, export.length));
      side.psp.close();
      Side again = new Side("first");
      assertArrayEquals(export, again.whole(RfcCommand.PDH_CERT_EXPORT), "after a restart");
      again.must(RfcCommand.PEK_GEN, b -> {});
      assertEquals(6, again.issue(RfcCommand.PEK_CERT_IMPORT, importOf(2, good)), "a new PEK");
    }
  }

  /** A self-signed certificate on another curve. */
  private Path openssl(String file, String curve) throws Exception {
    Path out = folder.resolve(file);
    Process p =
        new ProcessBuilder(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:" + curve,
                "-nodes",
                "-keyout",
                "/dev/null",
                "-subj",
                "/CN=owner",
                "-outform",
                "DER",
                "-out",
                out.toString())
            .redirectErrorStream(true)
            .start();
    String said = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, p.waitFor(), said);
    return out;
  }

  @Test
  void shouldWriteARequestThatOpensslVerifies() throws Exception {
    byte[] request = new Side("first").whole(RfcCommand.PEK_CSR);
    Path file = folder.resolve("pek.csr");
    Files.write(file, Arrays.copyOfRange(request, 4, request.length));
    Process p =
        new ProcessBuilder(
                "openssl", "req", "-inform", "DER", "-in", file.toString(), "-verify", "-noout")
            .redirectErrorStream(true)
            .start();
    String said = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, p.waitFor(), said);
    assertTrue(said.contains("OK"), said);
  }

  @Test
  void shouldSendToNobodyElse() throws Exception {
    Side from = new Side("first");
    from.whole(RfcCommand.PDH_CERT_EXPORT);
    Side to = second();
    byte[] export = to.whole(RfcCommand.PDH_CERT_EXPORT);
    int guest = from.launch(0);
    byte[] good = target(guest, export, to.makersSignature());
    record Row(String field, int at, int status) {}
    Row[] rows = {
      new Row("API_MINOR", 0xA1, 10),
      new Row("SERIAL", 0xA4, 10),
      new Row("DH_PUB", 0xA8, 10),
      new Row("PEK_SIG", 0xE8, 10),
      new Row("CEK_SIG", 0x128, 10),
      new Row("CEK_PUB", 0x168, 10),
      new Row("ASK_SIG", 0x1A8, 10),
      new Row("FLAGS", 0x9C, 3),
      new Row("reserved", 0xA2, 3),
      new Row("NCERTS", 0x1E8, 6),
      new Row("the last signature", good.length - 1, 10),
    };
    for (Row row : rows) {
      byte[] bad = good.clone();
      bad[row.at] ^= 1;
      assertEquals(
          row.status,
          from.issue(RfcCommand.SEND_START, bad),
          () -> row.field + ": " + from.reason());
    }
    int kept = from2(from, 1 << 3); // NOSEND
    assertEquals(7, from.issue(RfcCommand.SEND_START, le32(good.clone(), 0x98, kept)));
    int domain = from2(from, 1 << 4); // DOMAIN: another owner
    assertEquals(7, from.issue(RfcCommand.SEND_START, le32(good.clone(), 0x98, domain)));
    from.must(RfcCommand.SEND_START, good);
  }

  /** Another guest that runs, without an ASID. */
  private static int from2(Side from, int policy) {
    from.must(RfcCommand.LAUNCH_START, b -> b.set(Layouts.LE32, 12, policy));
    int guest = from.memory.view(0).getInt(0x1004);
    from.must(RfcCommand.LAUNCH_FINISH, b -> le32(b, 4, guest));
    return guest;
  }

  /** The owner knows the TIK from the agreement, and so can tell the measurement of a launch. */
  @Test
  void shouldLaunchForAnOwnerWithAPointAndANonce() throws Exception {
    Side side = new Side("first");
    byte[] export = side.whole(RfcCommand.PDH_CERT_EXPORT);
    byte[] nonce = new byte[16];
    nonce[3] = 9;
    try (P256Key owner = key("owner");
        SecretBytes z = owner.agree(Arrays.copyOfRange(export, 0x0C, 0x4C)).orElseThrow();
        TransportKeys keys = TransportKeys.agreed(z, nonce)) {
      byte[] start = le32(new byte[96], 0, 96);
      copy(owner.point(), 0, start, 16, 64);
      copy(nonce, 0, start, 80, 16);
      side.must(RfcCommand.LAUNCH_START, start);
      int guest = side.memory.view(0).getInt(0x1004);
      side.must(RfcCommand.LAUNCH_FINISH, b -> le32(b, 4, guest));
      byte[] measurement = Arrays.copyOfRange(side.answer(56), 8, 40);
      javax.crypto.Mac mac = javax.crypto.Mac.getInstance("HmacSHA256");
      mac.init(
          new javax.crypto.spec.SecretKeySpec(
              keys.tik().expose(InsecureSecretAccess.get()), "HmacSHA256"));
      byte[] empty = java.security.MessageDigest.getInstance("SHA-256").digest();
      assertArrayEquals(mac.doFinal(empty), measurement);
    }
  }
}
