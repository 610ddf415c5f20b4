package org.redoubt.firmware.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.redoubt.api.firmware.CommandRecord;
import org.redoubt.crypto.PacketCipher;
import org.redoubt.crypto.TransportKeys;
import org.redoubt.firmware.internal.command.SevCommands;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.PlatformState;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.LaunchStartBuffer;
import org.redoubt.spec.sev.command.PacketHeader;
import org.redoubt.struct.Field;

/**
 * Command buffers of random fields, some near what is right, at a platform with a few guests. After
 * every refused command the state and memory are as before; nothing throws; no reason speaks of a
 * bug. More rounds: {@code -Dfuzz.rounds=N}, another seed: {@code -Dfuzz.seed=N}.
 */
final class FuzzTest {
  private static final int ROUNDS = Integer.getInteger("fuzz.rounds", 4000);
  private static final long SEED = Long.getLong("fuzz.seed", 20);
  private static final int MEMORY = 1 << 18;

  /** Every so many commands, the state is looked at in depth. */
  private static final int DEEP = 64;

  private static final long[] NUMBERS = {
    0,
    1,
    2,
    3,
    4,
    15,
    16,
    47,
    48,
    51,
    52,
    63,
    64,
    127,
    128,
    255,
    509,
    510,
    2083,
    2084,
    2085,
    4096,
    6251,
    6252,
    16384,
    16400,
    Host.BUFFER,
    Host.CERT,
    Host.SESSION,
    Host.OUT,
    Host.HEADER,
    Host.PACKET,
    Host.GUEST,
    1 << 20,
    MEMORY - 16,
    MEMORY - 1,
    MEMORY,
    1L << 40,
    -1,
    -16,
    Integer.MIN_VALUE,
    0x0001_0000
  };

  @Test
  void shouldChangeNothingWhenItRefuses() {
    Random random = new Random(SEED);
    Host host = freshHost();
    StateCopy copy = new StateCopy();
    copy.take(host);
    MemorySegment memory = copy(host);
    long start = System.nanoTime();
    int[] statuses = new int[FirmwareStatus.values().length];
    int refused = 0;
    int done = 0;
    for (int i = 0; i < ROUNDS; i++) {
      int id = command(random);
      if (random.nextInt(50) == 0) {
        host.memory.wbinvd();
        copy.take(host);
      }
      if (host.platform().state() == PlatformState.UNINIT && random.nextInt(20) == 0) {
        host.close();
        host = freshHost();
        copy.take(host);
        memory.copyFrom(host.memory.dram());
      }
      String before = i % DEEP == 0 ? StateHash.of(host) : "";
      byte[] buffer = buffer(id, random);
      host.put(Host.BUFFER, buffer);
      memory.asSlice(Host.BUFFER, buffer.length).copyFrom(MemorySegment.ofArray(buffer));
      long spa = random.nextInt(40) == 0 ? NUMBERS[random.nextInt(NUMBERS.length)] : Host.BUFFER;
      FirmwareStatus status = host.issue(id, spa);
      statuses[status.ordinal()]++;
      int round = i;
      CommandRecord last = host.last();
      assertFalse(last.reason().startsWith("Bug"), () -> "round " + round + ": " + last);
      assertEquals(
          status == FirmwareStatus.SUCCESS, last.reason().isEmpty(), () -> last.toString());
      if (status == FirmwareStatus.SUCCESS) {
        done++;
        if (isUsedUp(host, random)) {
          host.close();
          host = freshHost();
        }
        copy.take(host);
        memory.copyFrom(host.memory.dram());
      } else {
        refused++;
        assertTrue(copy.isSame(host), () -> "round " + round + " changed the state: " + last);
        if (!before.isEmpty()) {
          assertEquals(
              before, StateHash.of(host), () -> "round " + round + " changed the state: " + last);
        }
        if (status == FirmwareStatus.INVALID_LEN) {
          // The needed lengths went back into the command buffer, and nowhere else.
          memory
              .asSlice(spa, buffer.length)
              .copyFrom(host.memory.dram().asSlice(spa, buffer.length));
        }
        assertEquals(
            -1,
            memory.mismatch(host.memory.dram()),
            () -> "round " + round + " changed memory: " + last);
      }
    }
    host.close();
    report(refused, done, statuses, System.nanoTime() - start);
    assertFalse(
        refused < ROUNDS / 4 || done < ROUNDS / 20, refused + " refused, " + done + " done");
  }

  /** Too many guests, or too few of those that it began with. */
  private static boolean isUsedUp(Host host, Random random) {
    int count = host.platform().guestCount();
    return random.nextInt(400) == 0
        || host.platform().state() != PlatformState.UNINIT && (count > 20 || count < 5);
  }

  private static void report(int refused, int done, int[] statuses, long nanos) {
    StringBuilder text = new StringBuilder();
    for (FirmwareStatus s : FirmwareStatus.values()) {
      if (statuses[s.ordinal()] > 0) {
        text.append(' ').append(s).append(' ').append(statuses[s.ordinal()]);
      }
    }
    System.out.printf(
        "%d commands in %.0f s, seed %d: %d done, %d refused without a trace;%s%n",
        refused + done, nanos / 1e9, SEED, done, refused, text);
  }

  private static MemorySegment copy(Host host) {
    return MemorySegment.ofArray(new byte[MEMORY]).copyFrom(host.memory.dram());
  }

  private static Host freshHost() {
    Host host = new Host(Optional.empty(), MEMORY).init();
    GuestPolicy policy = new GuestPolicy(0x0001_0000);
    Host.Owner owner = host.owner(policy);
    int measured = host.launchStart(policy, owner); // handle 1: in LSECRET, active
    host.activate(measured, 1);
    host.update(measured);
    TransportKeys.Packet p =
        owner.keys().sealSecret(new byte[64], new byte[16], host.measure(measured));
    host.put(Host.HEADER, p.header().toBytes());
    host.put(Host.PACKET, p.ciphertext());
    int launching = host.launchStartUnattested(0); // handle 2: in LUPDATE, active
    host.activate(launching, 2);
    host.launchStartUnattested(2); // handle 3: NOKS, no ASID
    GuestState[] states = {GuestState.RUNNING, GuestState.SUPDATE, GuestState.RUPDATE};
    for (int i = 0; i < states.length; i++) { // handles 4, 5, 6
      int handle = host.launchStartUnattested(policy.bits());
      host.activate(handle, 3 + i);
      host.platform().guest(handle).orElseThrow().setState(states[i]);
    }
    PacketCipher c =
        host.platform()
            .guest(6)
            .orElseThrow()
            .keys()
            .transport()
            .packet(PacketCipher.KIND_DATA, 0, new byte[16], 64);
    byte[] data = new byte[64];
    c.crypt(data, 0, 64, data, 0);
    c.authenticate(data, 0, 64);
    host.put(Host.HEADER + 64, PacketHeader.of(0, new byte[16], c.mac()).toBytes());
    host.put(Host.PACKET + 64, data);
    return host;
  }

  private static final List<Command> COMMANDS = SevCommands.all();

  private static final Set<SevCommand> RARE =
      EnumSet.of(SevCommand.SHUTDOWN, SevCommand.PDH_GEN, SevCommand.INIT, SevCommand.INIT_EX);

  private static int command(Random random) {
    if (random.nextInt(30) == 0) {
      return random.nextInt(0x800);
    }
    Command c = COMMANDS.get(random.nextInt(COMMANDS.size()));
    // Too drastic, or too slow (the root above the chip is made), to be drawn often.
    boolean rare = RARE.contains(c.id());
    return rare && random.nextInt(20) != 0 ? SevCommand.LAUNCH_SECRET.id() : c.id().id();
  }

  /** A command's fields, by name. */
  private static final Map<Integer, Map<String, Field>> FIELDS = new HashMap<>();

  static {
    for (Command c : COMMANDS) {
      Map<String, Field> fields = new LinkedHashMap<>();
      c.layout()
          .ifPresent(l ->
              l.memberLayouts().stream()
                  .map(m -> m.name().orElseThrow())
                  .forEach(n -> fields.put(n, Field.of(l, n))));
      FIELDS.put(c.id().id(), fields);
    }
  }

  private static byte[] buffer(int id, Random random) {
    Map<String, Field> fields = FIELDS.getOrDefault(id, Map.of());
    byte[] raw = new byte[SevCommand.of(id).map(SevCommand::bufferBytes).orElse(64)];
    if (fields.isEmpty()) {
      random.nextBytes(raw);
      return raw;
    }
    var s = MemorySegment.ofArray(raw);
    if (id == SevCommand.LAUNCH_START.id() && random.nextInt(3) == 0) {
      new LaunchStartBuffer(0, 0, 0, 0, 0, 0).write(s);
    }
    fields.forEach((n, f) -> {
      if (n.startsWith("RESERVED")) {
        if (random.nextInt(30) == 0) {
          raw[(int) f.offset() + random.nextInt(f.size())] = (byte) random.nextInt();
        }
      } else if (n.equals("HANDLE")) {
        f.set(s, random.nextInt(10) == 0 ? random.nextInt() : 1 + random.nextInt(7));
      } else if (f.size() > 8) {
        byte[] some = new byte[f.size()];
        random.nextBytes(some);
        f.setBytes(s, some);
      } else {
        f.set(s, likely(n, random));
      }
    });
    Field certs = fields.get("CERTS_LEN");
    if (id == SevCommand.PDH_CERT_EXPORT.id() && certs != null) {
      certs.set(s, random.nextInt(6252)); // never makes the root
    }
    return raw;
  }

  private static long likely(String field, Random random) {
    int dice = random.nextInt(12);
    if (dice == 0) {
      return random.nextLong();
    }
    if (dice < 4) {
      return NUMBERS[random.nextInt(NUMBERS.length)];
    }
    return switch (field) {
      case "HDR_PADDR" -> Host.HEADER + 64L * random.nextInt(2);
      case "HDR_LEN" -> 52;
      case "TRANS_PADDR" -> Host.PACKET + 64L * random.nextInt(2);
      case "TRANS_LEN", "GUEST_LEN", "ID_LEN" -> 64;
      case "GUEST_PADDR", "PADDR" -> Host.GUEST + 16L * random.nextInt(600);
      case "MEASURE_PADDR", "ID_PADDR", "CSR_PADDR", "IDS_PADDR", "DST_PADDR" -> Host.OUT;
      case "SRC_PADDR" -> Host.GUEST;
      case "NV_PADDR" -> 0x20000;
      case "NV_LENGTH" -> 32 << 10;
      case "EX_LEN" -> random.nextBoolean() ? 24 : 36;
      case "NUM_IDS" -> 1 + random.nextInt(4);
      case "CSR_LEN", "PDH_CERT_LEN", "PEK_CERT_LEN", "OCA_CERT_LEN" -> 2084;
      case "PLAT_CERTS_LEN" -> 6252;
      case "AMD_CERTS_LEN" -> 3200;
      case "PLAT_CERTS_PADDR" -> 0x30000;
      case "AMD_CERTS_PADDR" -> 0x34000;
      case "PDH_CERT_PADDR", "PEK_CERT_PADDR" -> Host.CERT;
      case "OCA_CERT_PADDR" -> Host.OUT;
      case "SESSION_PADDR" -> Host.SESSION;
      case "SESSION_LEN" -> 128;
      case "FW_LEN" -> 592;
      case "FW_PADDR" -> Host.CERT;
      case "MEASURE_LEN" -> 48;
      case "LENGTH" -> 16L * random.nextInt(300);
      case "ASID" -> 1 + random.nextInt(6);
      case "POLICY" -> random.nextInt(4);
      default -> 0;
    };
  }
}
