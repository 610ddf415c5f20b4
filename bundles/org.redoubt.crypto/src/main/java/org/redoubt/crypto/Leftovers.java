package org.redoubt.crypto;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.redoubt.crypto.hostcode.HostCode;
import org.redoubt.crypto.hostcode.HostCode.Routine;

/**
 * What ciphers leave behind on the thread that ran them: round keys in vector registers, and copies
 * of those in the part of the stack that is free again, where the JVM puts registers when it stops
 * a thread, and the kernel when it sends one a signal. No Java code can reach either; emitted code
 * can, on x86-64 under Linux. Elsewhere nothing is done.
 *
 * <p>To be called by whoever has used a key, on the same thread, from a place no deeper in the
 * stack than where the key was used.
 */
public final class Leftovers {
  /** Enough below a call of one cipher, compiled or not: 8 KiB. */
  public static final int OF_A_CIPHER = 8 << 10;

  /** Enough below a whole command or session: 48 KiB. */
  public static final int OF_A_COMMAND = 48 << 10;

  private static final @Nullable MethodHandle CLEAR = link();

  private Leftovers() {}

  private static @Nullable MethodHandle link() {
    try {
      Set<String> features = HostCode.features();
      if (!features.contains("sse2")) {
        return null;
      }
      return HostCode.link(
          new Linker.Option[] {Linker.Option.critical(false)},
          new Routine(
              code(features.contains("avx"), features.contains("avx512f")),
              FunctionDescriptor.ofVoid(JAVA_LONG)))[0];
    } catch (IOException | RuntimeException e) {
      System.getLogger(Leftovers.class.getName())
          .log(System.Logger.Level.DEBUG, "Vector registers keep what they hold", e);
      return null;
    }
  }

  /**
   * Clears all vector registers of this thread, and its stack below the caller; for a virtual
   * thread, its carrier's.
   *
   * <p>Every Java method that calls anything touches the stack {@code StackShadowPages} below its
   * frame as it begins (20 pages, 80 KiB; HotSpot accepts no fewer) and throws a {@link
   * StackOverflowError} if a guard page is there. So the stack down to there is mapped and free,
   * and this takes 48 KiB of it at most. The call is one that HotSpot cannot stop half-way: no
   * registers come back from a safepoint behind it.
   *
   * @param stackBytes {@link #OF_A_CIPHER} or {@link #OF_A_COMMAND}
   */
  public static void clear(int stackBytes) {
    if (stackBytes < 0 || stackBytes > OF_A_COMMAND) {
      throw new IllegalArgumentException(stackBytes + " bytes of stack (a bug)");
    }
    MethodHandle clear = CLEAR;
    if (clear == null) {
      return;
    }
    try {
      clear.invokeExact((long) stackBytes & -8L);
    } catch (RuntimeException | Error e) { // the stack's end
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("Emitted code cannot be called (a bug)", e);
    }
  }

  /**
   * {@code void clear(bytes)}: zeros for the vector registers, for {@code bytes} below the stack
   * pointer, and for the general registers that a callee may change. Intel SDM Vol. 2.
   */
  private static byte[] code(boolean avx, boolean avx512) {
    ByteArrayOutputStream code = new ByteArrayOutputStream();
    if (avx) {
      bytes(code, 0xC5, 0xFC, 0x77); // vzeroall: 0 to 15, whole
    } else {
      for (int i = 0; i < 16; i++) { // pxor xmm, xmm
        bytes(code, 0x66, 0x40 | (i >> 3) * 5, 0x0F, 0xEF, 0xC0 | (i & 7) * 9);
      }
    }
    for (int i = 16; avx512 && i < 32; i++) { // vpxord zmm, zmm, zmm
      bytes(code, 0x62, evex(i), (~i << 3 & 0x78) | 0x05, 0x40, 0xEF, 0xC0 | (i & 7) * 9);
    }
    bytes(code, 0x48, 0x89, 0xF9); // mov rcx, rdi
    bytes(code, 0x48, 0x89, 0xE7); // mov rdi, rsp
    bytes(code, 0x48, 0x29, 0xCF); // sub rdi, rcx
    bytes(code, 0x48, 0xC1, 0xE9, 0x03); // shr rcx, 3
    bytes(code, 0x31, 0xC0, 0x31, 0xD2, 0x31, 0xF6); // xor eax, eax; edx; esi
    bytes(code, 0x4D, 0x31, 0xC0, 0x4D, 0x31, 0xC9); // xor r8, r8; r9
    bytes(code, 0x4D, 0x31, 0xD2, 0x4D, 0x31, 0xDB); // xor r10, r10; r11
    bytes(code, 0xF3, 0x48, 0xAB); // rep stosq
    bytes(code, 0xC3); // ret
    return code.toByteArray();
  }

  /** The first byte of an EVEX prefix for register 16 to 31 in all three places, map 0Fh. */
  private static int evex(int register) {
    int bit3 = ~register >> 3 & 1;
    return bit3 << 7 | bit3 << 5 | 1; // R, B; X and R' are bit 4, inverted: 0
  }

  private static void bytes(ByteArrayOutputStream code, int... values) {
    for (int value : values) {
      code.write(value);
    }
  }
}
