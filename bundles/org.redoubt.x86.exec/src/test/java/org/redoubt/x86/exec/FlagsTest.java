package org.redoubt.x86.exec;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.reflect.Proxy;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.redoubt.api.cpu.CpuBus;
import org.redoubt.api.cpu.Mmu;
import org.redoubt.api.cpu.TlbLayout;
import org.redoubt.spec.x86.Rflags;

final class FlagsTest {
  private final Cpu cpu =
      new Cpu(
          new CpuModel("test", 0, Set.of()),
          Arena.ofAuto().allocate(TlbLayout.BYTES, 64),
          none(Mmu.class),
          none(CpuBus.class),
          none(SystemHooks.class));

  private static <T> T none(Class<T> type) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (proxy, method, arguments) -> {
              if (method.getName().equals("setKeyRights")) {
                return null; // by the CPU's reset
              }
              throw new AssertionError(method.getName());
            }));
  }

  @Test
  void shouldKeepEveryCombinationOfStatusFlags() {
    for (int bits = 0; bits < 0x1000; bits++) {
      int status = bits & Rflags.STATUS;
      Flags.setStatus(cpu, status);
      assertEquals(status, Flags.status(cpu));
    }
  }

  /** The reference is written from the manual's sentences, not from the lazy form. */
  @Test
  void shouldGiveTheFlagsOfAddAndSubtract() {
    Random random = new Random(7);
    for (int n = 0; n < 200_000; n++) {
      int width = 8 << (n & 3);
      long a = edge(random, width);
      long b = edge(random, width);
      int carry = random.nextInt(2);
      boolean subtract = random.nextBoolean();
      long result = Operands.signExtend(subtract ? a - b - carry : a + b + carry, width);
      if (subtract) {
        Flags.sub(cpu, a, b, result, width);
      } else {
        Flags.add(cpu, a, b, result, width);
      }
      assertEquals(reference(a, b, carry, subtract, width, result), Flags.status(cpu));
    }
  }

  private static long edge(Random random, int width) {
    long v = random.nextLong();
    switch (random.nextInt(4)) {
      case 0 -> v = random.nextInt(5) - 2;
      case 1 -> v = (1L << (width - 1)) + random.nextInt(5) - 2;
      default -> {}
    }
    return Operands.signExtend(v, width);
  }

  private static int reference(
      long a, long b, int carry, boolean subtract, int width, long result) {
    java.math.BigInteger ua = unsigned(a, width);
    java.math.BigInteger ub = unsigned(b, width);
    java.math.BigInteger c = java.math.BigInteger.valueOf(carry);
    java.math.BigInteger wide = subtract ? ua.subtract(ub).subtract(c) : ua.add(ub).add(c);
    java.math.BigInteger signed =
        subtract
            ? java.math.BigInteger.valueOf(a).subtract(java.math.BigInteger.valueOf(b)).subtract(c)
            : java.math.BigInteger.valueOf(a).add(java.math.BigInteger.valueOf(b)).add(c);
    int nibble = (int) (a & 15) + (subtract ? -(int) (b & 15) - carry : (int) (b & 15) + carry);
    int flags = 0;
    flags |= wide.signum() < 0 || wide.bitLength() > width ? Rflags.CF : 0;
    flags |= signed.bitLength() > width - 1 ? Rflags.OF : 0;
    flags |= nibble < 0 || nibble > 15 ? Rflags.AF : 0;
    flags |= result == 0 ? Rflags.ZF : 0;
    flags |= result < 0 ? Rflags.SF : 0;
    flags |= Integer.bitCount((int) result & 0xff) % 2 == 0 ? Rflags.PF : 0;
    return flags;
  }

  private static java.math.BigInteger unsigned(long value, int width) {
    return new java.math.BigInteger(Long.toUnsignedString(Operands.zeroExtend(value, width)));
  }
}
