package org.redoubt.x86.exec.internal.fp;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The exact arithmetic against {@link BigDecimal}, and the edges by table; on every host, silicon
 * or not.
 */
class SoftFloatTest {
  private static final int CASES = 20_000;
  private static final int MASKED = 0x1f80;

  private final SoftFloat f = new SoftFloat();

  private static int mode(int rounding) {
    return MASKED | rounding << 13;
  }

  /** A number in the middle of the range, or near its low end. */
  private static double operand(SplittableRandom random) {
    long bits = random.nextLong() & 0x800f_ffff_ffff_ffffL;
    int exponent = random.nextInt(8) == 0 ? random.nextInt(60) : 1023 - 40 + random.nextInt(80);
    return Double.longBitsToDouble(bits | (long) exponent << 52);
  }

  /**
   * {@code exact}, which lies between doubles, rounded by mode. Rounding to nearest is BigDecimal's
   * own.
   */
  private static double round(BigDecimal exact, int rounding) {
    double nearest = exact.doubleValue();
    int order = new BigDecimal(nearest).compareTo(exact);
    boolean up = rounding == SoftFloat.UP || (rounding == SoftFloat.TRUNCATE && exact.signum() < 0);
    boolean down =
        rounding == SoftFloat.DOWN || (rounding == SoftFloat.TRUNCATE && exact.signum() > 0);
    if (up && order < 0) {
      return Math.nextUp(nearest);
    }
    return down && order > 0 ? Math.nextDown(nearest) : nearest;
  }

  private void check(String what, BigDecimal exact, int rounding, long result) {
    double expected = round(exact, rounding);
    if (expected == 0) {
      // BigDecimal has no negative zero.
      assertEquals(0, result << 1, what);
    } else {
      assertEquals(expected, Double.longBitsToDouble(result), what);
      boolean inexact = new BigDecimal(expected).compareTo(exact) != 0;
      assertEquals(inexact, (f.flags() & SoftFloat.PE) != 0, what + " inexact");
    }
  }

  /** Also where nearly all bits cancel: the addend is the rounded product, or next to it. */
  @Test
  void shouldMultiplyAndAddAsBigDecimalDoesInEveryMode() {
    SplittableRandom random = new SplittableRandom(2);
    for (int i = 0; i < CASES; i++) {
      double x = operand(random);
      double y = operand(random);
      double z =
          switch (i % 5) {
            case 0 -> -(x * y);
            case 1 -> Math.nextUp(-(x * y));
            case 2 -> x * y * Math.scalb(1.0, random.nextInt(140) - 70);
            default -> operand(random);
          };
      int rounding = i & 3;
      f.sse(mode(rounding)).a64(Double.doubleToRawLongBits(x));
      f.b64(Double.doubleToRawLongBits(y));
      f.c64(Double.doubleToRawLongBits(z));
      check(
          x + " * " + y + " + " + z + " mode " + rounding,
          new BigDecimal(x).multiply(new BigDecimal(y)).add(new BigDecimal(z)),
          rounding,
          f.multiplyAdd(false, false).result64());
    }
  }

  @Test
  void shouldKeepEveryHalfPrecisionNumberThroughSinglePrecision() {
    for (int half = 0; half < 0x1_0000; half++) {
      f.sse(MASKED).a16(half);
      int single = f.narrow().result32();
      f.sse(MASKED).a32(single);
      int back = f.narrow().result16();
      boolean signalling = (half & 0x7c00) == 0x7c00 && (half & 0x3ff) != 0;
      assertEquals(signalling ? half | 0x200 : half, back, Integer.toHexString(half));
    }
  }

  @Test
  void shouldAddAndMultiplyAsBigDecimalDoesInEveryMode() {
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < CASES; i++) {
      double x = operand(random);
      double y = operand(random);
      int rounding = i & 3;
      String what = x + ", " + y + " mode " + rounding;
      f.sse(mode(rounding)).a64(Double.doubleToRawLongBits(x));
      f.b64(Double.doubleToRawLongBits(y));
      check(
          "sum of " + what, new BigDecimal(x).add(new BigDecimal(y)), rounding, f.add().result64());
      f.sse(mode(rounding));
      check(
          "product of " + what,
          new BigDecimal(x).multiply(new BigDecimal(y)),
          rounding,
          f.multiply().result64());
    }
  }

  @Test
  void shouldDivideAndTakeRootsAsBigDecimalDoesInEveryMode() {
    SplittableRandom random = new SplittableRandom(2);
    // Enough digits that a tie, or an exact result, cannot be mistaken for a neighbour.
    MathContext digits = new MathContext(800);
    for (int i = 0; i < CASES / 20; i++) {
      double x = operand(random);
      double y = operand(random);
      if (x == 0 || y == 0 || Double.isInfinite(x / y)) {
        continue;
      }
      int rounding = i & 3;
      f.sse(mode(rounding)).a64(Double.doubleToRawLongBits(x));
      f.b64(Double.doubleToRawLongBits(y));
      check(
          x + " by " + y + " mode " + rounding,
          new BigDecimal(x).divide(new BigDecimal(y), digits),
          rounding,
          f.divide().result64());
      double square = Math.abs(x);
      f.sse(mode(rounding)).a64(Double.doubleToRawLongBits(square));
      check(
          "root of " + square + " mode " + rounding,
          new BigDecimal(square).sqrt(digits),
          rounding,
          f.squareRoot().result64());
    }
  }

  private static final double MAX = Double.MAX_VALUE;
  private static final double MIN = Double.MIN_VALUE;
  private static final double INFINITY = Double.POSITIVE_INFINITY;

  private record Product(double x, double y, int rounding, double result, int flags) {}

  @Test
  void shouldOverflowAndUnderflowAsTheModeSays() {
    int overflow = SoftFloat.OE | SoftFloat.PE;
    int underflow = SoftFloat.UE | SoftFloat.PE;
    // IEEE 754-2008, 7.4 and 7.5; APM1 4.10.
    Product[] rows = {
      new Product(MAX, 2, SoftFloat.NEAREST, INFINITY, overflow),
      new Product(MAX, 2, SoftFloat.DOWN, MAX, overflow),
      new Product(MAX, 2, SoftFloat.UP, INFINITY, overflow),
      new Product(MAX, 2, SoftFloat.TRUNCATE, MAX, overflow),
      new Product(-MAX, 2, SoftFloat.DOWN, -INFINITY, overflow),
      new Product(-MAX, 2, SoftFloat.UP, -MAX, overflow),
      new Product(0x1p-1022, 0x1p-52, SoftFloat.NEAREST, MIN, 0),
      new Product(0x1p-1022, 0x1p-53, SoftFloat.NEAREST, 0, underflow),
      new Product(0x1p-1022, 0x1.8p-53, SoftFloat.NEAREST, MIN, underflow),
      new Product(0x1p-1022, 0x1p-60, SoftFloat.UP, MIN, underflow),
      new Product(0x1p-1022, 0x1p-60, SoftFloat.DOWN, 0, underflow),
      new Product(-0x1p-1022, 0x1p-60, SoftFloat.DOWN, -MIN, underflow),
      // Rounds up to the least normal number and, with an unbounded exponent, so too: not tiny.
      new Product(
          0x1.fffffffffffffp-1022,
          0x1.0000000000001p-1,
          SoftFloat.UP,
          0x1.0000000000001p-1022,
          SoftFloat.PE),
    };
    for (Product row : rows) {
      f.sse(mode(row.rounding)).a64(Double.doubleToRawLongBits(row.x));
      f.b64(Double.doubleToRawLongBits(row.y));
      assertEquals(row.result, Double.longBitsToDouble(f.multiply().result64()), 0, row.toString());
      assertEquals(row.flags, f.flags(), row.toString());
    }
  }

  private record Reduction(double x, double y, boolean nearest, double result, int quotient) {}

  @Test
  void shouldTakeRemaindersWithTheQuotientsLowBits() {
    Reduction[] rows = {
      new Reduction(7, 2, false, 1, 3),
      new Reduction(7, 2, true, -1, 4),
      new Reduction(5, 2, true, 1, 2),
      new Reduction(-7, 2, false, -1, 3),
      new Reduction(1, 3, false, 1, 0),
      new Reduction(2, 3, true, -1, 1),
      new Reduction(0x1p70, 3, false, Double.NaN, Extended.PARTIAL),
    };
    for (Reduction row : rows) {
      f.x87(0x37f).a64(Double.doubleToRawLongBits(row.x));
      f.b64(Double.doubleToRawLongBits(row.y));
      assertEquals(row.quotient & 7, Extended.remainder(f, row.nearest) & 7, row.toString());
      if (row.quotient != Extended.PARTIAL) {
        assertEquals(row.result, Double.longBitsToDouble(f.result64()), row.toString());
      }
    }
  }

  @Test
  void shouldComputeTranscendentalFunctionsToTheLastBitOfADouble() {
    SplittableRandom random = new SplittableRandom(3);
    for (int i = 0; i < 300; i++) {
      double x = random.nextDouble(-1, 1);
      f.x87(0x37f).a64(Double.doubleToRawLongBits(x));
      Transcendental.sine(f);
      near(Math.sin(x), "sin " + x);
      Transcendental.cosine(f);
      near(Math.cos(x), "cos " + x);
      Transcendental.tangent(f);
      near(Math.tan(x), "tan " + x);
      f.b64(Double.doubleToRawLongBits(0.75));
      Transcendental.arcTangent(f);
      near(Math.atan2(0.75, x), "atan2 0.75, " + x);
      double positive = Math.abs(x) + 0.5;
      f.a64(Double.doubleToRawLongBits(positive));
      f.b64(Double.doubleToRawLongBits(1));
      Transcendental.logarithm(f);
      near(Math.log(positive) / Math.log(2), "log2 " + positive);
    }
  }

  /**
   * The quotient is a number itself, and the angle just below it. SOURCE: FPATAN on Zen 5, as seen
   * by {@code SiliconTest}.
   */
  @ParameterizedTest
  @CsvSource({
    // control word, exponents of x and y, the angle: exponent, significand
    "0x0c7f, 0x401a, 0x001c, 0x0000, 7fffffffffffffff", // to zero: below the least normal
    "0x047f, 0x401a, 0x001c, 0x0000, 7fffffffffffffff", // down
    "0x037f, 0x401a, 0x001c, 0x0001, 8000000000000000", // to nearest
    "0x0b7f, 0x401a, 0x001c, 0x0001, 8000000000000000", // up
    "0x0c7f, 0x4064, 0x3fff, 0x3f99, ffffffffffffffff",
    "0x0b7f, 0x4064, 0x3fff, 0x3f9a, 8000000000000000",
  })
  void shouldRoundATinyAngleFromBelowItsTangent(
      String control, String x, String y, String exponent, String significand) {
    f.x87(Integer.decode(control)).extended().a80(Integer.decode(x), 1L << 63);
    f.b80(Integer.decode(y), 1L << 63);
    Transcendental.arcTangent(f);
    f.result80();
    assertEquals((int) Integer.decode(exponent), f.signExponent());
    assertEquals(significand, Long.toHexString(f.significand()));
  }

  /** Java's functions are good to two units or so. */
  private void near(double expected, String what) {
    double actual = Double.longBitsToDouble(f.result64());
    assertEquals(expected, actual, 8 * Math.ulp(expected), what);
  }
}
