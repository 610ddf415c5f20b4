package org.redoubt.crypto.memory;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/**
 * AES-128 with an address tweak in one pass over memory, by host code that {@link VaesCode} emits:
 * for x86-64 hosts with AVX2 and VAES under Linux.
 *
 * <p>The code lives in one mapping that is writable while it is filled and executable from then on,
 * never both. Every routine is checked against the JDK's AES before it is offered.
 */
final class VaesKernel {
  private static final int PROT_READ = 1;
  private static final int PROT_WRITE = 2;
  private static final int PROT_EXEC = 4;
  private static final int MAP_PRIVATE = 2;
  private static final int MAP_ANONYMOUS = 0x20;
  private static final int SCHEDULE_BYTES = 11 * 16;

  private static final FunctionDescriptor EXPAND =
      FunctionDescriptor.ofVoid(ADDRESS, ADDRESS, ADDRESS);
  private static final FunctionDescriptor RUN =
      FunctionDescriptor.ofVoid(
          ADDRESS, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG);

  // Constants, so that the JIT compiles calls of them into the callers.
  private static final MethodHandle EXPAND_KEY;
  private static final MethodHandle XEX_ENCRYPT;
  private static final MethodHandle XEX_DECRYPT;
  private static final MethodHandle XE_ENCRYPT;
  private static final MethodHandle XE_DECRYPT;
  private static final boolean AVAILABLE;

  static {
    MethodHandle[] handles = new MethodHandle[5];
    boolean available = false;
    try {
      if (hostHasVaes()) {
        handles = link();
        available = true;
      }
    } catch (Throwable e) {
      // No native access, no executable memory: the JDK's AES does the work then.
      System.getLogger(VaesKernel.class.getName())
          .log(System.Logger.Level.DEBUG, "AES by the JDK, since host code cannot be used", e);
    }
    EXPAND_KEY = handles[0];
    XEX_ENCRYPT = handles[1];
    XEX_DECRYPT = handles[2];
    XE_ENCRYPT = handles[3];
    XE_DECRYPT = handles[4];
    AVAILABLE = available;
  }

  private final MemorySegment encryptSchedule = Arena.ofAuto().allocate(SCHEDULE_BYTES, 64);
  private final MemorySegment decryptSchedule = Arena.ofAuto().allocate(SCHEDULE_BYTES, 64);
  private final boolean tweakAfter;
  private final AddressTweak tweak;
  private final MemorySegment table;
  private volatile boolean closed;

  private VaesKernel(byte[] key, AddressTweak tweak, boolean tweakAfter) {
    this.tweak = tweak;
    this.tweakAfter = tweakAfter;
    table = tweak.table();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment passing = arena.allocate(16, 16);
      MemorySegment.copy(key, 0, passing, ValueLayout.JAVA_BYTE, 0, 16);
      EXPAND_KEY.invokeExact(passing, encryptSchedule, decryptSchedule);
      passing.fill((byte) 0);
    } catch (Throwable e) {
      throw new IllegalStateException("Emitted code cannot be called (a bug)", e);
    }
  }

  /**
   * Makes a cipher, if the host can.
   *
   * @param key 16 bytes, read only
   * @param tweak the tweak function
   * @param tweakAfter as in {@link TweakedCipher}
   */
  static Optional<VaesKernel> create(byte[] key, AddressTweak tweak, boolean tweakAfter) {
    return AVAILABLE && Verified.RIGHT
        ? Optional.of(new VaesKernel(key, tweak, tweakAfter))
        : Optional.empty();
  }

  /**
   * Encrypts a run of blocks within a page. Thread-safe.
   *
   * @param spa system-physical address of the first block
   * @param plain native memory, read
   * @param cipher native and writable memory, written; as long
   */
  void encrypt(long spa, MemorySegment plain, MemorySegment cipher) {
    check(spa, plain, cipher);
    try {
      if (tweakAfter) {
        XEX_ENCRYPT.invokeExact(
            plain,
            cipher,
            plain.byteSize(),
            encryptSchedule,
            table,
            tweak.low(spa),
            tweak.high(spa),
            spa & (Tweak.PAGE_BYTES - 1));
      } else {
        XE_ENCRYPT.invokeExact(
            plain,
            cipher,
            plain.byteSize(),
            encryptSchedule,
            table,
            tweak.low(spa),
            tweak.high(spa),
            spa & (Tweak.PAGE_BYTES - 1));
      }
    } catch (Throwable e) {
      throw rethrown(e);
    }
  }

  /** Decrypts, as {@link #encrypt} encrypts. */
  void decrypt(long spa, MemorySegment cipher, MemorySegment plain) {
    check(spa, cipher, plain);
    try {
      if (tweakAfter) {
        XEX_DECRYPT.invokeExact(
            cipher,
            plain,
            cipher.byteSize(),
            decryptSchedule,
            table,
            tweak.low(spa),
            tweak.high(spa),
            spa & (Tweak.PAGE_BYTES - 1));
      } else {
        XE_DECRYPT.invokeExact(
            cipher,
            plain,
            cipher.byteSize(),
            decryptSchedule,
            table,
            tweak.low(spa),
            tweak.high(spa),
            spa & (Tweak.PAGE_BYTES - 1));
      }
    } catch (Throwable e) {
      throw rethrown(e);
    }
  }

  /** All that stands between the arguments and unchecked host code. */
  private void check(long spa, MemorySegment from, MemorySegment to) {
    long bytes = from.byteSize();
    if (bytes <= 0
        || bytes > Tweak.PAGE_BYTES - (spa & (Tweak.PAGE_BYTES - 1))
        || bytes % VaesCode.STEP_BYTES != 0
        || to.byteSize() != bytes
        || to.isReadOnly()) {
      throw new IllegalArgumentException(
          "Emitted code for %d bytes to %d bytes at spa %xh (a bug)"
              .formatted(bytes, to.byteSize(), spa));
    }
    if (closed) {
      throw new IllegalStateException("This memory encryption engine is closed");
    }
  }

  private static RuntimeException rethrown(Throwable e) {
    return switch (e) {
      case Error error -> throw error;
      case RuntimeException exception -> exception;
      default -> new IllegalStateException("Emitted code cannot be called (a bug)", e);
    };
  }

  /** Overwrites both schedules. Called once, after the last other call has returned. */
  void close() {
    closed = true;
    encryptSchedule.fill((byte) 0);
    decryptSchedule.fill((byte) 0);
  }

  private static boolean hostHasVaes() throws IOException {
    if (!System.getProperty("os.arch", "").equals("amd64")
        || !System.getProperty("os.name", "").equals("Linux")) {
      return false;
    }
    try (var lines = Files.lines(Path.of("/proc/cpuinfo"), StandardCharsets.ISO_8859_1)) {
      return lines
          .filter(line -> line.startsWith("flags"))
          .findFirst()
          .map(line -> Arrays.asList(line.split("\\s+")).containsAll(List.of("avx2", "vaes")))
          .orElse(false);
    }
  }

  private static MethodHandle[] link() throws Throwable {
    List<byte[]> routines =
        List.of(
            VaesCode.expand(),
            VaesCode.run(true, true, true),
            VaesCode.run(false, true, true),
            VaesCode.run(true, true, false),
            VaesCode.run(false, false, true));
    List<Integer> starts = new ArrayList<>();
    int size = 0;
    for (byte[] routine : routines) {
      starts.add(size);
      size = size + routine.length + 63 & -64;
    }
    MemorySegment code = map(size);
    for (int i = 0; i < routines.size(); i++) {
      byte[] routine = routines.get(i);
      MemorySegment.copy(routine, 0, code, ValueLayout.JAVA_BYTE, starts.get(i), routine.length);
    }
    makeExecutable(code);
    MethodHandle[] handles = new MethodHandle[routines.size()];
    for (int i = 0; i < handles.length; i++) {
      handles[i] =
          Linker.nativeLinker()
              .downcallHandle(
                  MemorySegment.ofAddress(code.address() + starts.get(i)), i == 0 ? EXPAND : RUN);
    }
    return handles;
  }

  /** Maps anonymous memory for good, at least {@code size} bytes, readable and writable. */
  private static MemorySegment map(long size) throws Throwable {
    Linker linker = Linker.nativeLinker();
    MethodHandle mmap =
        linker.downcallHandle(
            linker.defaultLookup().findOrThrow("mmap"),
            FunctionDescriptor.of(
                JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
    long address =
        (long)
            mmap.invokeExact(0L, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
    if (address == -1) {
      throw new IOException("mmap refused " + size + " bytes for code");
    }
    return MemorySegment.ofAddress(address).reinterpret(size);
  }

  private static void makeExecutable(MemorySegment code) throws Throwable {
    Linker linker = Linker.nativeLinker();
    MethodHandle mprotect =
        linker.downcallHandle(
            linker.defaultLookup().findOrThrow("mprotect"),
            FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
    int failed = (int) mprotect.invokeExact(code.address(), code.byteSize(), PROT_READ | PROT_EXEC);
    if (failed != 0) {
      throw new IOException("mprotect refused to make code executable");
    }
  }

  /** Compares each routine with the JDK's AES, once, when first asked for. */
  private static final class Verified {
    static final boolean RIGHT = right(true) && right(false);

    private static boolean right(boolean tweakAfter) {
      byte[] key = HexFormat.of().parseHex("0b30557a9fc4e90e33587da2c7ec1136");
      long spa = 0x7_5A5A_3000L;
      AddressTweak tweak = AddressTweak.wide();
      VaesKernel kernel = new VaesKernel(key, tweak, tweakAfter);
      try (Arena arena = Arena.ofConfined();
          TweakedCipher jdk =
              new TweakedCipher(() -> new JceAes(key), AddressTweak::wide, tweakAfter)) {
        MemorySegment plain = arena.allocate(Tweak.PAGE_BYTES, 64);
        for (int i = 0; i < Tweak.PAGE_BYTES; i++) {
          plain.set(ValueLayout.JAVA_BYTE, i, (byte) (i * 31 + (i >> 8)));
        }
        MemorySegment cipher = arena.allocate(Tweak.PAGE_BYTES, 64);
        MemorySegment back = arena.allocate(Tweak.PAGE_BYTES, 64);
        MemorySegment expected = arena.allocate(Tweak.PAGE_BYTES, 64);
        jdk.encrypt(spa, plain, expected);
        kernel.encrypt(spa, plain, cipher);
        kernel.decrypt(spa, cipher, back);
        return cipher.mismatch(expected) < 0 && back.mismatch(plain) < 0;
      } finally {
        kernel.close();
      }
    }
  }
}
