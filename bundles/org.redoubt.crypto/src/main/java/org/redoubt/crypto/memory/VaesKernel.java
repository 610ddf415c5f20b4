package org.redoubt.crypto.memory;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.redoubt.crypto.hostcode.HostCode;
import org.redoubt.crypto.hostcode.HostCode.Routine;

/**
 * AES-128 with an address tweak in one pass over memory, by host code that {@link VaesCode} emits:
 * for x86-64 hosts with AVX2 and VAES under Linux.
 *
 * <p>Every routine is checked against the JDK's AES before it is offered.
 */
final class VaesKernel {
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
      if (HostCode.features().containsAll(List.of("avx2", "vaes"))) {
        handles = link();
        available = true;
      }
    } catch (IOException | RuntimeException e) {
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

  private static MethodHandle[] link() throws IOException {
    return HostCode.link(
        new Linker.Option[0],
        new Routine(VaesCode.expand(), EXPAND),
        new Routine(VaesCode.run(true, true, true), RUN),
        new Routine(VaesCode.run(false, true, true), RUN),
        new Routine(VaesCode.run(true, true, false), RUN),
        new Routine(VaesCode.run(false, false, true), RUN));
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
