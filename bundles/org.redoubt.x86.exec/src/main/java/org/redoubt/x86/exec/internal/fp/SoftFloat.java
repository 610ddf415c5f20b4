package org.redoubt.x86.exec.internal.fp;

/**
 * The workspace of one vCPU for exact IEEE 754 arithmetic: two operands, one result, the modes and
 * the flags raised.
 *
 * <p>Used in three steps: {@code modes...}, {@code operation}, then the result's bits. Flags and
 * the rounding field have the layout that MXCSR and the x87 words share (APM1 4.2.2, 6.2.2). Not
 * thread-safe, allocates nothing.
 */
public final class SoftFloat {
  public static final int IE = 0x01;
  public static final int DE = 0x02;
  public static final int ZE = 0x04;
  public static final int OE = 0x08;
  public static final int UE = 0x10;
  public static final int PE = 0x20;

  public static final int NEAREST = 0;
  public static final int DOWN = 1;
  public static final int UP = 2;
  public static final int TRUNCATE = 3;

  /** What an unmasked 80-bit overflow or underflow moves the exponent by. APM1 6.8.2. */
  private static final int WRAP_80 = 24576;

  private static final long INTEGER_BIT = 1L << 63;
  private static final long DEFAULT_NAN = 3L << 62;

  private final Num a = new Num();
  private final Num b = new Num();
  private final Num c = new Num();
  private final Num r = new Num();

  /** The 64 bits below the result's significand, the last of them sticky. */
  private long low;

  private int rounding;
  private int precision = 64;
  private int masks = 0x3f;
  private boolean flushToZero;
  private boolean denormalsAreZero;
  private boolean x87Rules;

  private int flags;
  private boolean roundedUp;

  /** {@link #toMagnitude} rounded up to 2^64. */
  private boolean overflowed;

  private int signExponent;
  private long significand;

  // --- modes
  // ---------------------------------------------------------------------------------------------------

  /** Takes the modes of an SSE instruction from MXCSR, and clears the flags. */
  public SoftFloat sse(int mxcsr) {
    rounding = mxcsr >>> 13 & 3;
    masks = mxcsr >>> 7 & 0x3f;
    flushToZero = (mxcsr & 0x8000) != 0;
    denormalsAreZero = (mxcsr & 0x40) != 0;
    x87Rules = false;
    flags = 0;
    return this;
  }

  /**
   * Takes the modes of an x87 instruction from the control word, and clears the flags and {@link
   * #roundedUp}.
   */
  public SoftFloat x87(int controlWord) {
    rounding = controlWord >>> 10 & 3;
    masks = controlWord & 0x3f;
    precision =
        switch (controlWord >>> 8 & 3) {
          case 0 -> 24;
          case 2 -> 53;
          default -> 64;
        };
    flushToZero = false;
    denormalsAreZero = false;
    x87Rules = true;
    flags = 0;
    roundedUp = false;
    return this;
  }

  /** Full 64-bit precision from here on, whatever the control word's PC says. */
  public SoftFloat extended() {
    precision = 64;
    return this;
  }

  public SoftFloat round(int mode) {
    rounding = mode;
    return this;
  }

  public int rounding() {
    return rounding;
  }

  /** The exception flags raised since the modes were taken. */
  public int flags() {
    return flags;
  }

  public void raise(int bits) {
    flags |= bits;
  }

  /** The x87 C1 of an inexact result: the magnitude was rounded up. */
  public boolean roundedUp() {
    return roundedUp;
  }

  public int signExponent() {
    return signExponent;
  }

  public long significand() {
    return significand;
  }

  // --- operands
  // --------------------------------------------------------------------------------------------------

  public Num a32(int bits) {
    a.from32(bits, denormalsAreZero);
    return a;
  }

  public Num a64(long bits) {
    a.from64(bits, denormalsAreZero);
    return a;
  }

  public Num a80(int newSignExponent, long bits) {
    a.from80(newSignExponent, bits);
    return a;
  }

  public Num aInteger(long value) {
    a.fromInteger(value);
    return a;
  }

  public Num b32(int bits) {
    b.from32(bits, denormalsAreZero);
    return b;
  }

  public Num b64(long bits) {
    b.from64(bits, denormalsAreZero);
    return b;
  }

  public Num b80(int newSignExponent, long bits) {
    b.from80(newSignExponent, bits);
    return b;
  }

  public Num bInteger(long value) {
    b.fromInteger(value);
    return b;
  }

  public Num c32(int bits) {
    c.from32(bits, denormalsAreZero);
    return c;
  }

  public Num c64(long bits) {
    c.from64(bits, denormalsAreZero);
    return c;
  }

  /** A half-precision number, of 16 bits. DAZ does not matter to it. */
  public Num a16(int bits) {
    a.from16(bits);
    return a;
  }

  /** Exchanges the operands, for the reversed x87 forms. */
  public SoftFloat swap() {
    r.set(a);
    a.set(b);
    b.set(r);
    return this;
  }

  public Num a() {
    return a;
  }

  public Num b() {
    return b;
  }

  // --- arithmetic
  // ------------------------------------------------------------------------------------------------

  public SoftFloat add() {
    sum(b.negative);
    return this;
  }

  public SoftFloat subtract() {
    sum(!b.negative);
    return this;
  }

  private void sum(boolean bNegative) {
    if (invalidOperand()) {
      return;
    }
    if (a.kind == Num.INFINITE && b.kind == Num.INFINITE && a.negative != bNegative) {
      invalid();
      return;
    }
    noteDenormals();
    if (a.kind == Num.INFINITE) {
      set(Num.INFINITE, a.negative);
    } else if (b.kind == Num.INFINITE) {
      set(Num.INFINITE, bNegative);
    } else if (b.zero()) {
      if (a.zero()) {
        set(Num.ZERO, a.negative == bNegative ? a.negative : rounding == DOWN);
      } else {
        exact(a.negative, a.exponent, a.significand);
      }
    } else if (a.zero()) {
      exact(bNegative, b.exponent, b.significand);
    } else if (a.negative == bNegative) {
      addMagnitudes();
    } else {
      subtractMagnitudes(bNegative);
    }
  }

  private void addMagnitudes() {
    Num big = a.exponent >= b.exponent ? a : b;
    Num small = big == a ? b : a;
    alignBelow(small, big.exponent - small.exponent);
    long sum = big.significand + r.significand;
    if (Long.compareUnsigned(sum, big.significand) < 0) {
      low = low >>> 1 | (low & 1) | sum << 63;
      finite(a.negative, big.exponent + 1, INTEGER_BIT | sum >>> 1);
    } else {
      finite(a.negative, big.exponent, sum);
    }
  }

  private void subtractMagnitudes(boolean bNegative) {
    boolean aBig =
        a.exponent > b.exponent
            || (a.exponent == b.exponent
                && Long.compareUnsigned(a.significand, b.significand) >= 0);
    Num big = aBig ? a : b;
    Num small = aBig ? b : a;
    boolean minus = aBig ? a.negative : bNegative;
    alignBelow(small, big.exponent - small.exponent);
    long high = big.significand - r.significand - (low != 0 ? 1 : 0);
    low = -low;
    if (high == 0 && low == 0) {
      set(Num.ZERO, rounding == DOWN);
      return;
    }
    normalize(minus, big.exponent, high);
  }

  /**
   * Puts the small operand's significand, shifted right by {@code distance}, into {@code
   * r.significand : low}.
   */
  private void alignBelow(Num small, int distance) {
    r.significand = small.significand;
    low = 0;
    shiftRightSticky(distance);
  }

  private void shiftRightSticky(int distance) {
    long high = r.significand;
    if (distance == 0) {
      return;
    }
    if (distance < 64) {
      long lost = low << -distance;
      low = high << -distance | low >>> distance | (lost != 0 ? 1 : 0);
      r.significand = high >>> distance;
    } else if (distance < 128) {
      long lost = low | (distance == 64 ? 0 : high << -(distance - 64));
      low = high >>> (distance - 64) | (lost != 0 ? 1 : 0);
      r.significand = 0;
    } else {
      low = (high | low) != 0 ? 1 : 0;
      r.significand = 0;
    }
  }

  private void normalize(boolean minus, int exponent, long high) {
    long h = high;
    int e = exponent;
    if (h == 0) {
      h = low;
      low = 0;
      e -= 64;
    }
    int shift = Long.numberOfLeadingZeros(h);
    if (shift != 0) {
      h = h << shift | low >>> -shift;
      low <<= shift;
      e -= shift;
    }
    finite(minus, e, h);
  }

  public SoftFloat multiply() {
    if (invalidOperand()) {
      return this;
    }
    boolean minus = a.negative != b.negative;
    if ((a.kind == Num.INFINITE && b.zero()) || (a.zero() && b.kind == Num.INFINITE)) {
      invalid();
      return this;
    }
    noteDenormals();
    if (a.kind == Num.INFINITE || b.kind == Num.INFINITE) {
      set(Num.INFINITE, minus);
    } else if (a.zero() || b.zero()) {
      set(Num.ZERO, minus);
    } else {
      low = a.significand * b.significand;
      normalize(
          minus,
          a.exponent + b.exponent + 1,
          Math.unsignedMultiplyHigh(a.significand, b.significand));
    }
    return this;
  }

  /**
   * {@code a * b + c}, rounded once.
   *
   * @param negated the product's sign is turned first
   * @param subtracted {@code c}'s sign is turned first
   */
  public SoftFloat multiplyAdd(boolean negated, boolean subtracted) {
    boolean infinityTimesZero =
        (a.kind == Num.INFINITE && b.zero()) || (a.zero() && b.kind == Num.INFINITE);
    if (a.nan() || b.nan() || c.nan()) {
      if (a.kind == Num.SIGNALLING_NAN
          || b.kind == Num.SIGNALLING_NAN
          || c.kind == Num.SIGNALLING_NAN) {
        flags |= IE;
      }
      r.set(a.nan() ? a : b.nan() ? b : c);
      r.quiet();
      return this;
    }
    boolean minus = a.negative != b.negative != negated;
    boolean addend = c.negative != subtracted;
    boolean infinite = a.kind == Num.INFINITE || b.kind == Num.INFINITE;
    if (infinityTimesZero || (infinite && c.kind == Num.INFINITE && minus != addend)) {
      return invalid();
    }
    noteDenormals();
    noteDenormal(c);
    if (infinite) {
      set(Num.INFINITE, minus);
    } else if (c.kind == Num.INFINITE) {
      set(Num.INFINITE, addend);
    } else if (a.zero() || b.zero()) {
      if (c.zero()) {
        set(Num.ZERO, minus == addend ? minus : rounding == DOWN);
      } else {
        exact(addend, c.exponent, c.significand);
      }
    } else {
      addProduct(minus, addend);
    }
    return this;
  }

  /**
   * The product has 106 bits at most and the addend 53, so that 128 bits and a sticky one below
   * them lose nothing: where leading bits cancel, nothing has been shifted out.
   */
  private void addProduct(boolean minus, boolean addend) {
    long high = Math.unsignedMultiplyHigh(a.significand, b.significand);
    long rest = a.significand * b.significand;
    int exponent = a.exponent + b.exponent + 1;
    if (high >= 0) {
      high = high << 1 | rest >>> 63;
      rest <<= 1;
      exponent--;
    }
    if (c.zero()) {
      low = rest;
      finite(minus, exponent, high);
      return;
    }
    boolean productBig =
        exponent > c.exponent
            || (exponent == c.exponent && Long.compareUnsigned(high, c.significand) >= 0);
    long bigHigh = productBig ? high : c.significand;
    long bigLow = productBig ? rest : 0;
    r.significand = productBig ? c.significand : high;
    low = productBig ? 0 : rest;
    int bigExponent = productBig ? exponent : c.exponent;
    shiftRightSticky(bigExponent - (productBig ? c.exponent : exponent));
    boolean sign = productBig ? minus : addend;
    if (minus == addend) {
      long sumLow = bigLow + low;
      long carry = Long.compareUnsigned(sumLow, bigLow) < 0 ? 1 : 0;
      long sum = bigHigh + r.significand + carry;
      boolean over = Long.compareUnsigned(sum, bigHigh) < 0 || (carry != 0 && sum == bigHigh);
      low = over ? sumLow >>> 1 | (sumLow & 1) | sum << 63 : sumLow;
      finite(sign, over ? bigExponent + 1 : bigExponent, over ? INTEGER_BIT | sum >>> 1 : sum);
      return;
    }
    long borrow = Long.compareUnsigned(bigLow, low) < 0 ? 1 : 0;
    long difference = bigHigh - r.significand - borrow;
    low = bigLow - low;
    if (difference == 0 && low == 0) {
      set(Num.ZERO, rounding == DOWN);
    } else {
      normalize(sign, bigExponent, difference);
    }
  }

  public SoftFloat divide() {
    if (invalidOperand()) {
      return this;
    }
    boolean minus = a.negative != b.negative;
    if ((a.kind == Num.INFINITE && b.kind == Num.INFINITE) || (a.zero() && b.zero())) {
      invalid();
    } else if (a.kind == Num.INFINITE) {
      noteDenormals();
      set(Num.INFINITE, minus);
    } else if (b.zero()) {
      flags |= ZE;
      set(Num.INFINITE, minus);
    } else {
      noteDenormals();
      if (a.zero() || b.kind == Num.INFINITE) {
        set(Num.ZERO, minus);
      } else {
        divideFinite(minus);
      }
    }
    return this;
  }

  private void divideFinite(boolean minus) {
    boolean large = Long.compareUnsigned(a.significand, b.significand) >= 0;
    long high = large ? a.significand >>> 1 : a.significand;
    long rest = large ? a.significand << 63 : 0;
    long quotient = Wide.divideNormalized(high, rest, b.significand);
    long remainder = rest - quotient * b.significand;
    boolean half = Long.compareUnsigned(remainder, b.significand - remainder) >= 0;
    long after = half ? remainder - (b.significand - remainder) : remainder;
    low = (half ? INTEGER_BIT : 0) | (after != 0 ? 1 : 0);
    finite(minus, a.exponent - b.exponent - (large ? 0 : 1), quotient);
  }

  /** The square root of {@code a}. */
  public SoftFloat squareRoot() {
    if (invalidOperand(a)) {
      return this;
    }
    if (a.zero()) {
      set(Num.ZERO, a.negative);
    } else if (a.negative) {
      invalid();
    } else if (a.kind == Num.INFINITE) {
      set(Num.INFINITE, false);
    } else {
      noteDenormal(a);
      boolean odd = (a.exponent & 1) != 0;
      long high = odd ? a.significand : a.significand >>> 1;
      long rest = odd ? 0 : a.significand << 63;
      long root = Wide.squareRoot(high, rest);
      long square = root * root;
      long remainder = rest - square;
      boolean overflow =
          high
                  - Math.unsignedMultiplyHigh(root, root)
                  - (Long.compareUnsigned(rest, square) < 0 ? 1 : 0)
              != 0;
      boolean half = overflow || Long.compareUnsigned(remainder, root) > 0;
      low = (half ? INTEGER_BIT : 0) | (remainder != 0 || overflow ? 1 : 0);
      finite(false, a.exponent >> 1, root);
    }
    return this;
  }

  /**
   * {@code a} itself, as a conversion between formats sees it: a signalling NaN and a denormal are
   * noted.
   */
  public SoftFloat convert() {
    if (invalidOperand(a)) {
      return this;
    }
    noteDenormal(a);
    if (a.kind == Num.FINITE) {
      exact(a.negative, a.exponent, a.significand);
    } else {
      set(a.kind, a.negative);
    }
    return this;
  }

  /**
   * {@code a} for a store to a narrower format: as {@link #convert}, but a denormal is not noted.
   */
  public SoftFloat narrow() {
    int before = flags;
    convert();
    flags = (flags & ~DE) | (before & DE);
    return this;
  }

  /**
   * A finite result made elsewhere: {@code high:newLow * 2^(exponent - 63)}, bit 63 of {@code high}
   * set.
   */
  public SoftFloat finiteResult(boolean minus, int exponent, long high, long newLow) {
    low = newLow;
    finite(minus, exponent, high);
    return this;
  }

  public SoftFloat zeroResult(boolean minus) {
    set(Num.ZERO, minus);
    return this;
  }

  public SoftFloat infiniteResult(boolean minus) {
    set(Num.INFINITE, minus);
    return this;
  }

  /** The default NaN, and IE. */
  public SoftFloat invalid() {
    flags |= IE;
    r.set(Num.QUIET_NAN, true, 0, DEFAULT_NAN);
    return this;
  }

  // --- comparison
  // ------------------------------------------------------------------------------------------------

  public static final int LESS = -1;
  public static final int EQUAL = 0;
  public static final int GREATER = 1;
  public static final int UNORDERED = 2;

  /**
   * Orders {@code a} against {@code b}; IE for a signalling NaN and, if {@code signalling}, for any
   * NaN.
   */
  public int compare(boolean signalling) {
    if (a.nan() || b.nan()) {
      if (signalling || a.kind >= Num.SIGNALLING_NAN || b.kind >= Num.SIGNALLING_NAN) {
        flags |= IE;
      }
      return UNORDERED;
    }
    noteDenormals();
    if (a.zero() && b.zero()) {
      return EQUAL;
    }
    if (a.zero()) {
      return b.negative ? GREATER : LESS;
    }
    if (b.zero() || a.negative != b.negative) {
      return a.negative ? LESS : GREATER;
    }
    int magnitude = compareMagnitudes();
    return a.negative ? -magnitude : magnitude;
  }

  private int compareMagnitudes() {
    if (a.kind != b.kind) {
      return a.kind == Num.INFINITE ? GREATER : LESS;
    }
    if (a.kind == Num.INFINITE) {
      return EQUAL;
    }
    if (a.exponent != b.exponent) {
      return a.exponent > b.exponent ? GREATER : LESS;
    }
    return Integer.signum(Long.compareUnsigned(a.significand, b.significand));
  }

  // --- integers
  // --------------------------------------------------------------------------------------------------

  /**
   * {@code a} as an integer of {@code bits} bits, rounded by the mode in force; IE and the integer
   * indefinite value when it does not fit. A denormal is not noted. APM1 4.7.2.
   */
  public long toInteger(int bits) {
    long indefinite = -1L << (bits - 1);
    if (a.kind > Num.FINITE || a.exponent > 63) {
      flags |= IE;
      return indefinite;
    }
    int raised = flags;
    boolean up = roundedUp;
    long magnitude = toMagnitude();
    long value = a.negative ? -magnitude : magnitude;
    boolean wrapped = overflowed || (a.negative ? value > 0 : value < 0);
    if (wrapped || (bits < 64 && value != value << (64 - bits) >> (64 - bits))) {
      flags = raised | IE;
      roundedUp = up;
      return indefinite;
    }
    return value;
  }

  /** {@code a}, which is finite and less than 2^64, rounded to an integer; unsigned. */
  long toMagnitude() {
    overflowed = false;
    if (a.zero()) {
      return 0;
    }
    long before = r.significand;
    r.significand = a.significand;
    low = 0;
    shiftRightSticky(63 - a.exponent);
    long magnitude = r.significand;
    r.significand = before;
    boolean inexact = low != 0;
    boolean up = inexact && roundsUp(a.negative, (magnitude & 1) != 0, low < 0, low << 1 != 0);
    if (up) {
      magnitude++;
      overflowed = magnitude == 0;
    }
    if (inexact) {
      flags |= PE;
      roundedUp = up;
    }
    return magnitude;
  }

  // --- results
  // ---------------------------------------------------------------------------------------------------

  /** Half precision: 16 bits. */
  public int result16() {
    finish(11, -14, 15, 0);
    int sign = r.negative ? 0x8000 : 0;
    int fraction = (int) (r.significand << 1 >>> 54);
    return switch (r.kind) {
      case Num.ZERO -> sign;
      case Num.FINITE -> sign | (r.significand < 0 ? r.exponent + 15 : 0) << 10 | fraction;
      case Num.INFINITE -> sign | 0x7c00;
      default -> sign | 0x7c00 | fraction;
    };
  }

  public int result32() {
    finish(24, -126, 127, 0);
    int sign = r.negative ? 1 << 31 : 0;
    return switch (r.kind) {
      case Num.ZERO -> sign;
      case Num.FINITE ->
          sign
              | (r.significand < 0 ? r.exponent + 127 : 0) << 23
              | (int) (r.significand << 1 >>> 41);
      case Num.INFINITE -> sign | 0x7f80_0000;
      default -> sign | 0x7f80_0000 | (int) (r.significand << 1 >>> 41);
    };
  }

  public long result64() {
    finish(53, -1022, 1023, 0);
    long sign = r.negative ? 1L << 63 : 0;
    return switch (r.kind) {
      case Num.ZERO -> sign;
      case Num.FINITE ->
          sign | (r.significand < 0 ? r.exponent + 1023L : 0) << 52 | r.significand << 1 >>> 12;
      case Num.INFINITE -> sign | 0x7ffL << 52;
      default -> sign | 0x7ffL << 52 | r.significand << 1 >>> 12;
    };
  }

  /**
   * Leaves the result in {@link #signExponent} and {@link #significand}, rounded to the precision
   * in force.
   */
  public SoftFloat result80() {
    finish(precision, -16382, 16383, WRAP_80);
    int sign = r.negative ? 0x8000 : 0;
    significand = r.kind == Num.ZERO ? 0 : r.significand;
    signExponent =
        sign
            | switch (r.kind) {
              case Num.ZERO -> 0;
              case Num.FINITE -> significand < 0 ? r.exponent + 16383 : 0;
              default -> 0x7fff;
            };
    if (r.kind == Num.INFINITE) {
      significand = INTEGER_BIT;
    }
    return this;
  }

  private void finish(int bits, int minimum, int maximum, int wrap) {
    if (r.kind != Num.FINITE) {
      return;
    }
    boolean tiny = false;
    if (r.exponent < minimum) {
      tiny = r.exponent < minimum - 1 || !carriesOut(bits);
      if (tiny && (masks & UE) == 0) {
        flags |= UE;
        r.exponent += wrap;
        if (wrap == 0) {
          // SSE and stores: there is no result, but it would have had its full precision.
          flags |= roundTo(bits) ? PE : 0;
          return;
        }
        if (r.exponent < minimum) {
          flags |= PE;
          set(Num.ZERO, r.negative);
          return;
        }
      }
      if (r.exponent < minimum) {
        if (tiny && flushToZero && (masks & UE) != 0) {
          flags |= UE | PE;
          set(Num.ZERO, r.negative);
          return;
        }
        shiftRightSticky(minimum - r.exponent);
        r.exponent = minimum;
      }
    }
    boolean inexact = roundTo(bits);
    if (inexact) {
      flags |= tiny ? UE | PE : PE;
    }
    if (r.exponent > maximum) {
      overflow(bits, maximum, wrap);
    } else if (r.significand == 0) {
      r.kind = Num.ZERO;
    }
  }

  private void overflow(int bits, int maximum, int wrap) {
    flags |= OE;
    if ((masks & OE) == 0) {
      if (wrap == 0) {
        return;
      }
      r.exponent -= wrap;
      if (r.exponent > maximum) {
        // FSCALE can go too far out for a wrapped exponent.
        flags |= PE;
        roundedUp = true;
        set(Num.INFINITE, r.negative);
      }
      return;
    }
    flags |= PE;
    roundedUp =
        switch (rounding) {
          case NEAREST -> true;
          case DOWN -> r.negative;
          case UP -> !r.negative;
          default -> false;
        };
    if (roundedUp) {
      set(Num.INFINITE, r.negative);
    } else {
      finite(r.negative, maximum, -1L << (64 - bits));
    }
  }

  /** Rounds the significand to {@code bits} bits; whether anything was lost. */
  private boolean roundTo(int bits) {
    boolean half;
    boolean rest;
    long unit = 1L << (64 - bits);
    if (bits == 64) {
      half = low < 0;
      rest = low << 1 != 0;
    } else {
      half = (r.significand & unit >>> 1) != 0;
      rest = (r.significand & (unit >>> 1) - 1) != 0 || low != 0;
    }
    boolean inexact = half || rest;
    boolean up = inexact && roundsUp(r.negative, (r.significand & unit) != 0, half, rest);
    r.significand &= -unit;
    if (up) {
      r.significand += unit;
      if (r.significand == 0) {
        r.significand = INTEGER_BIT;
        r.exponent++;
      }
    }
    low = 0;
    if (inexact) {
      roundedUp = up;
    }
    return inexact;
  }

  private boolean carriesOut(int bits) {
    long unit = 1L << (64 - bits);
    if ((r.significand & -unit) != -unit) {
      return false;
    }
    boolean half = bits == 64 ? low < 0 : (r.significand & unit >>> 1) != 0;
    boolean rest = bits == 64 ? low << 1 != 0 : (r.significand & (unit >>> 1) - 1) != 0 || low != 0;
    return (half || rest) && roundsUp(r.negative, true, half, rest);
  }

  private boolean roundsUp(boolean minus, boolean odd, boolean half, boolean rest) {
    return switch (rounding) {
      case NEAREST -> half && (rest || odd);
      case DOWN -> minus;
      case UP -> !minus;
      default -> false;
    };
  }

  // --- NaNs and denormals
  // ----------------------------------------------------------------------------------------

  /** Whether an operand is a NaN; then the result is set. */
  public boolean invalidOperand() {
    if (!a.nan() && !b.nan()) {
      return false;
    }
    if (a.kind == Num.UNSUPPORTED || b.kind == Num.UNSUPPORTED) {
      invalid();
      return true;
    }
    if (a.kind == Num.SIGNALLING_NAN || b.kind == Num.SIGNALLING_NAN) {
      flags |= IE;
    }
    r.set(x87Rules ? largerNan() : a.nan() ? a : b);
    r.quiet();
    return true;
  }

  /** Whether {@code operand}, the only one, is a NaN; then the result is set. */
  public boolean invalidOperand(Num operand) {
    if (!operand.nan()) {
      return false;
    }
    if (operand.kind == Num.UNSUPPORTED) {
      invalid();
      return true;
    }
    if (operand.kind == Num.SIGNALLING_NAN) {
      flags |= IE;
    }
    r.set(operand);
    r.quiet();
    return true;
  }

  /**
   * The x87's choice: a quiet NaN over a signalling one, then the larger significand, then the
   * positive one. APM1 6.3.4.
   */
  private Num largerNan() {
    if (!a.nan()) {
      return b;
    }
    if (!b.nan()) {
      return a;
    }
    if (a.kind != b.kind) {
      return a.kind == Num.QUIET_NAN ? a : b;
    }
    int order = Long.compareUnsigned(a.significand, b.significand);
    if (order == 0) {
      return a.negative ? b : a;
    }
    return order > 0 ? a : b;
  }

  public void noteDenormals() {
    if (a.denormal || b.denormal) {
      flags |= DE;
    }
  }

  public void noteDenormal(Num operand) {
    if (operand.denormal) {
      flags |= DE;
    }
  }

  private void set(int kind, boolean minus) {
    r.set(kind, minus, 0, INTEGER_BIT);
  }

  private void exact(boolean minus, int exponent, long significandBits) {
    low = 0;
    finite(minus, exponent, significandBits);
  }

  private void finite(boolean minus, int exponent, long high) {
    r.set(Num.FINITE, minus, exponent, high);
  }
}
