package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.redoubt.api.firmware.CertificateSet;
import org.redoubt.api.firmware.SecureProcessor;
import org.redoubt.api.firmware.SecureProcessorConfig;
import org.redoubt.api.firmware.SecureProcessorFactory;
import org.redoubt.api.memory.KeyInstaller;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemorySystemFactory;
import org.redoubt.crypto.Certificates;
import org.redoubt.crypto.InsecureSecretAccess;
import org.redoubt.crypto.Kdf;
import org.redoubt.crypto.Leftovers;
import org.redoubt.crypto.P384PrivateKey;
import org.redoubt.crypto.SecretBytes;
import org.redoubt.crypto.TransportKeys;
import org.redoubt.itests.container.InsideRedoubt;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.Mailbox;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.cert.Algorithm;
import org.redoubt.spec.sev.cert.PlatformChain;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.cert.Usage;
import org.redoubt.spec.sev.command.ActivateBuffer;
import org.redoubt.spec.sev.command.AttestationBuffer;
import org.redoubt.spec.sev.command.DbgBuffer;
import org.redoubt.spec.sev.command.HandleBuffer;
import org.redoubt.spec.sev.command.InitBuffer;
import org.redoubt.spec.sev.command.LaunchMeasureBuffer;
import org.redoubt.spec.sev.command.LaunchSecretBuffer;
import org.redoubt.spec.sev.command.LaunchStartBuffer;
import org.redoubt.spec.sev.command.LaunchUpdateBuffer;
import org.redoubt.spec.sev.command.Measurement;
import org.redoubt.spec.sev.command.SendStartBuffer;

/**
 * What is left of a guest's keys when the guest is gone: nothing in a dump of the live heap, and
 * nothing in native memory (see {@link KeyHunt}), neither keys nor their schedules. Firmware and
 * engines are those of the installation; memory keys are overheard on their way from one to the
 * other, the others are those of the owner that this test is, or read out of the firmware.
 */
@ExtendWith(InsideRedoubt.class)
class KeysIT {
  /** Emitted code (where the host has VAES) and the JDK's AES; the JDK's alone; Bouncy Castle's. */
  private static final List<String> ENGINES = List.of("aes-128-xex", "aes-256-xts", "bouncycastle");

  private static final String FIRST = ENGINES.getFirst();
  private static final int ROUNDS = 10;
  private static final long WORK_MS = 500;
  private static final GuestPolicy POLICY = new GuestPolicy(0);

  @TempDir Path folder;

  /** A platform, and what is overheard of it. */
  private static final class Side implements AutoCloseable {
    final KeyHunt hunt;
    final MemorySystem memory;
    final SecureProcessor psp;
    final Host host = new Host();
    final Host vcpu = new Host();

    /**
     * A fresh chip under a root that may be there already: that takes seconds to make.
     *
     * @param state where the chip is
     */
    Side(String engine, Path state, KeyHunt hunt) throws Exception {
      this.hunt = hunt;
      this.memory =
          Services.get(MemorySystemFactory.class)
              .create(MemoryConfig.of("keys-" + engine, 4 << 20).withEngine(engine));
      this.psp =
          Services.get(SecureProcessorFactory.class)
              .create(
                  new SecureProcessorConfig(
                      "psp-" + engine, overheard(memory, hunt), Optional.of(state), List::of));
      must(SevCommand.INIT, new InitBuffer(0, 0, 0)::write);
    }

    void must(SevCommand command, Consumer<MemorySegment> fill) {
      host.run(() -> issue(command, fill));
    }

    private void issue(SevCommand command, Consumer<MemorySegment> fill) {
      MemorySegment b = MemorySegment.ofArray(new byte[command.bufferBytes()]);
      fill.accept(b);
      memory.view(0).write(0x1000, b);
      psp.mailbox().write(Mailbox.CMDBUF_ADDR_LO, 0x1000);
      psp.mailbox().write(Mailbox.CMDBUF_ADDR_HI, 0);
      psp.mailbox().write(Mailbox.CMDRESP, Mailbox.commandWord(command.id(), false));
      assertEquals(
          FirmwareStatus.SUCCESS.code(),
          Mailbox.status(psp.mailbox().read(Mailbox.CMDRESP)),
          () -> psp.history().getLast().toString());
    }

    void put(long spa, byte[] bytes) {
      memory.view(0).write(spa, MemorySegment.ofArray(bytes));
    }

    byte[] get(long spa, int bytes) {
      byte[] out = new byte[bytes];
      memory.view(0).read(spa, MemorySegment.ofArray(out));
      return out;
    }

    PlatformChain chain() {
      return psp.certificates().platform().orElseThrow();
    }

    @Override
    public void close() {
      host.run(() -> {
        psp.close();
        memory.close();
      });
      host.end();
      vcpu.end();
    }
  }

  /**
   * A thread of the host's, as its driver's or a virtual processor's, which waits in between:
   * nobody but the firmware and the memory use a key on it. Meanwhile another thread stops it as
   * often as it can, so that its registers are on its stack often.
   */
  private static final class Host {
    private final ExecutorService thread = Executors.newSingleThreadExecutor();

    void run(Runnable work) {
      Future<?> running = thread.submit(work);
      while (!running.isDone()) {
        Thread.getAllStackTraces();
      }
      try {
        running.get();
      } catch (ExecutionException e) {
        throw new AssertionError(e.getCause());
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }

    void end() {
      thread.shutdown();
    }
  }

  /** The memory system, with an ear at what its key installer writes for guests. */
  private static MemorySystem overheard(MemorySystem memory, KeyHunt hunt) {
    return (MemorySystem)
        Proxy.newProxyInstance(
            MemorySystem.class.getClassLoader(),
            new Class<?>[] {MemorySystem.class},
            (proxy, method, arguments) -> {
              if (method.getName().equals("setKeyInstaller")
                  && ((Optional<?>) arguments[0]).isPresent()) {
                KeyInstaller inner = (KeyInstaller) ((Optional<?>) arguments[0]).get();
                KeyInstaller outer =
                    (asid, engine, key) -> {
                      Optional<String> refused = inner.install(asid, engine, key);
                      if (asid != 0 && refused.isEmpty()) {
                        memoryKey(key, hunt);
                      }
                      return refused;
                    };
                memory.setKeyInstaller(Optional.of(outer));
                return null;
              }
              try {
                return method.invoke(memory, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }

  /** XTS has two keys in one. */
  private static void memoryKey(MemorySegment key, KeyHunt hunt) {
    int bytes = Math.min(32, (int) key.byteSize());
    for (long at = 0; at < key.byteSize(); at += bytes) {
      hunt.aes("VEK", key.asSlice(at, bytes).toArray(ValueLayout.JAVA_BYTE));
    }
  }

  @Test
  void shouldForgetAGuestsKeysAndTheirSchedules() throws Exception {
    assumeTrue(Files.exists(Path.of("/proc/self/mem")), "only Linux shows a process its memory");
    assumeTrue(System.getProperty("os.arch").equals("amd64"), "elsewhere stacks are not cleared");
    // Of a guest that lives, everything is found: the hunt does not miss what is there.
    for (String engine : ENGINES) {
      KeyHunt living = new KeyHunt();
      Path state =
          engine.equals(FIRST) ? folder.resolve(FIRST) : underTheSameRoot("living-" + engine);
      try (Side side = new Side(engine, state, living)) {
        launch(side);
        Map<String, Integer> found = search(living);
        for (String name : List.of("TEK round", "TIK", "VEK round", "VEK seed")) {
          assertTrue(
              found.keySet().stream().anyMatch(k -> k.startsWith(name)),
              () -> engine + ": no " + name + " in " + found);
        }
        assertTrue(
            found.entrySet().stream()
                    .filter(e -> e.getKey().startsWith("VEK round"))
                    .mapToInt(Map.Entry::getValue)
                    .sum()
                > ROUNDS,
            () -> engine + ": no schedule in " + found);
      }
    }
    // Nobody has looked at these before they were gone.
    KeyHunt gone = new KeyHunt();
    KeyHunt platforms = new KeyHunt();
    List<Side> sides = new ArrayList<>();
    try {
      for (String engine : ENGINES) {
        Side side = new Side(engine, underTheSameRoot("gone-" + engine), gone);
        sides.add(side);
        wholeLife(side);
        scalars(side, platforms);
      }
      Leftovers.clear(Leftovers.OF_A_COMMAND); // what the owner and the eavesdropper left here
      assertEquals(Map.of(), search(gone), () -> "what is left of guests, in " + gone.places());
      int keys = 3 * 4 * ENGINES.size(); // three runs of 16 bytes each, four keys: one copy of each
      Map<String, Integer> kept = search(platforms);
      assertEquals(
          keys, kept.values().stream().mapToInt(n -> n).sum(), () -> "one copy of each: " + kept);
    } finally {
      sides.forEach(Side::close);
    }
    assertEquals(
        Map.of(), search(platforms), () -> "what is left of platforms, in " + platforms.places());
  }

  private Path underTheSameRoot(String name) throws IOException {
    Path state = Files.createDirectories(folder.resolve(name));
    for (String file : List.of("root.ark", "root.ask", "root.key")) {
      Files.copy(folder.resolve(FIRST).resolve(file), state.resolve(file));
    }
    return state;
  }

  private Map<String, Integer> search(KeyHunt hunt) throws Exception {
    return new TreeMap<>(hunt.search(folder));
  }

  /** Every command that takes a key of a guest in its hands, and those that end it. */
  private static void wholeLife(Side side) throws Exception {
    int guest = launch(side);
    side.vcpu.run(() -> work(side.memory));
    side.must(SevCommand.DBG_DECRYPT, new DbgBuffer(guest, 0x10000, 0x30000, 64)::write);
    byte[] attestation = AttestationBuffer.of(guest, 0x2000, new byte[16], 1024).toBytes();
    side.must(SevCommand.ATTESTATION, b -> b.copyFrom(MemorySegment.ofArray(attestation)));
    send(side, guest);
    side.must(SevCommand.DEACTIVATE, new HandleBuffer(guest)::write);
    side.must(SevCommand.DECOMMISSION, new HandleBuffer(guest)::write);
    side.memory.wbinvd();
    side.must(SevCommand.DF_FLUSH, s -> {});
  }

  /** The guest writes, and reads what has left the SoC's cache. */
  private static void work(MemorySystem memory) {
    MemorySegment bytes = MemorySegment.ofArray(new byte[0x4000]);
    long end = System.nanoTime() + WORK_MS * 1_000_000;
    while (System.nanoTime() < end) {
      memory.view(1).write(0x10000, bytes);
      memory.wbinvd();
      memory.view(1).read(0x10000, bytes);
    }
  }

  /** In the owner's session, with a secret. */
  private static int launch(Side side) throws Exception {
    try (TransportKeys keys = session(side)) {
      side.must(
          SevCommand.LAUNCH_START,
          new LaunchStartBuffer(0, POLICY.bits(), 0x2000, SevCertificate.BYTES, 0x3000, 128)
              ::write);
      int guest = side.memory.view(0).getInt(0x1000);
      seed(side, guest);
      side.must(SevCommand.ACTIVATE, new ActivateBuffer(guest, 1)::write);
      side.must(
          SevCommand.LAUNCH_UPDATE_DATA, new LaunchUpdateBuffer(guest, 0x10000, 0x10000)::write);
      side.must(SevCommand.LAUNCH_MEASURE, new LaunchMeasureBuffer(guest, 0x2000, 48)::write);
      Measurement measurement = new Measurement(side.get(0x2000, 48));
      TransportKeys.Packet secret = keys.sealSecret(new byte[64], new byte[16], measurement);
      side.put(0x4000, secret.header().toBytes());
      side.put(0x5000, secret.ciphertext());
      side.must(
          SevCommand.LAUNCH_SECRET,
          new LaunchSecretBuffer(guest, 0x4000, 52, 0x10000, 64, 0x5000, 64)::write);
      side.must(SevCommand.LAUNCH_FINISH, new HandleBuffer(guest)::write);
      side.memory.flush();
      return guest;
    }
  }

  /** The owner's part; all that is secret in it goes to the hunt. */
  private static TransportKeys session(Side side) {
    SecureRandom random = new SecureRandom();
    byte[] nonce = new byte[16];
    byte[] iv = new byte[16];
    random.nextBytes(nonce);
    random.nextBytes(iv);
    TransportKeys keys = TransportKeys.generate(random);
    side.hunt.aes("TEK", bytes(keys.tek()));
    side.hunt.hmac("TIK", bytes(keys.tik()));
    SevCertificate pdh = side.chain().pdh();
    try (P384PrivateKey mine = P384PrivateKey.generate(random);
        SecretBytes z = mine.agree(Certificates.publicKey(pdh));
        SecretBytes master = Kdf.derive(z, "sev-master-secret", nonce, 16);
        SecretBytes kek = Kdf.derive(master, "sev-kek", new byte[0], 16);
        SecretBytes kik = Kdf.derive(master, "sev-kik", new byte[0], 16)) {
      side.hunt.number("Z", bytes(z));
      side.hunt.hmac("Z as a key", bytes(z));
      side.hunt.hmac("master secret", bytes(master));
      side.hunt.aes("KEK", bytes(kek));
      side.hunt.hmac("KIK", bytes(kik));
      SevCertificate cert =
          SevCertificate.unsigned(
              0, 0, Usage.PDH, Algorithm.ECDH_SHA256, mine.publicKey().qx(), mine.publicKey().qy());
      side.put(0x2000, cert.toBytes());
      side.put(0x3000, keys.seal(z, nonce, iv, POLICY).toBytes());
    }
    return keys;
  }

  private static byte[] bytes(SecretBytes secret) {
    return secret.expose(InsecureSecretAccess.get());
  }

  /** Sends some of the guest, to its own platform: with keys of the firmware's making. */
  private static void send(Side side, int guest) throws Exception {
    CertificateSet set = side.psp.certificates();
    PlatformChain chain = side.chain();
    byte[] ask = set.ask().toBytes();
    byte[] maker = Arrays.copyOf(ask, 2 * ask.length);
    System.arraycopy(set.ark().toBytes(), 0, maker, ask.length, ask.length);
    side.put(0x20000, chain.pdh().toBytes());
    side.put(0x22000, chain.certs());
    side.put(0x24000, maker);
    side.must(
        SevCommand.SEND_START,
        new SendStartBuffer(
                guest,
                0,
                0x20000,
                SevCertificate.BYTES,
                0x22000,
                PlatformChain.CERTS_BYTES,
                0x24000,
                maker.length,
                0x26000,
                128)
            ::write);
    TransportKeys keys = (TransportKeys) call(call(guest(side, guest), "keys"), "transport");
    side.hunt.aes("SEND's TEK", bytes(keys.tek()));
    side.hunt.hmac("SEND's TIK", bytes(keys.tik()));
    side.must(
        SevCommand.SEND_UPDATE_DATA,
        new LaunchSecretBuffer(guest, 0x4000, 52, 0x10000, 4096, 0x28000, 4096)::write);
    side.must(SevCommand.SEND_FINISH, new HandleBuffer(guest)::write);
  }

  // What only the firmware knows

  private static Object guest(Side side, int handle) throws Exception {
    Object platform = field(side.psp, "platform");
    return ((Optional<?>) method(platform, "guest", int.class).invoke(platform, handle))
        .orElseThrow();
  }

  private static void seed(Side side, int guest) throws Exception {
    SecretBytes seed = (SecretBytes) field(call(guest(side, guest), "keys"), "vekSeed");
    side.hunt.hmac("VEK seed", bytes(seed));
  }

  private static void scalars(Side side, KeyHunt hunt) throws Exception {
    Object platform = field(side.psp, "platform");
    Object keys = call(platform, "keys");
    hunt.number("OCA", bytes(((P384PrivateKey) oca(keys)).scalar()));
    hunt.number("PEK", bytes(((P384PrivateKey) call(keys, "pek")).scalar()));
    hunt.number("PDH", bytes(((P384PrivateKey) call(keys, "pdh")).scalar()));
    hunt.number("CEK", bytes(((P384PrivateKey) call(call(platform, "chip"), "cek")).scalar()));
  }

  private static Object oca(Object keys) throws Exception {
    return ((Optional<?>) field(keys, "oca")).orElseThrow();
  }

  private static Object field(Object target, String name) throws Exception {
    Field f = target.getClass().getDeclaredField(name);
    f.setAccessible(true);
    return f.get(target);
  }

  private static Object call(Object target, String name) throws Exception {
    return method(target, name).invoke(target);
  }

  private static Method method(Object target, String name, Class<?>... types) throws Exception {
    Method m = target.getClass().getDeclaredMethod(name, types);
    m.setAccessible(true);
    return m;
  }
}
