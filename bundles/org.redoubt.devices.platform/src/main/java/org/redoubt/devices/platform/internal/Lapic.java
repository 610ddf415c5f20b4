package org.redoubt.devices.platform.internal;

import org.jspecify.annotations.Nullable;
import org.redoubt.api.device.InterruptBus;
import org.redoubt.api.device.LocalApic;
import org.redoubt.api.device.PicOutput;
import org.redoubt.api.device.VcpuSignal;
import org.redoubt.api.device.VirtualClock;
import org.redoubt.spec.x86.Msr;

/**
 * One local APIC, xAPIC and x2APIC. APM Vol. 2, sections 16.3 to 16.14. Offsets in the page; as an
 * MSR, 800h plus the offset shifted right by 4.
 *
 * <pre>
 *   020  ID       r    xAPIC: bits 31:24; x2APIC: all 32
 *   030  VERSION  r    14h, five more LVT entries
 *   080  TPR      rw   bits 7:0
 *   090  APR      r    as PPR here
 *   0A0  PPR      r
 *   0B0  EOI      w
 *   0D0  LDR      rw   xAPIC: bits 31:24; x2APIC: read-only, cluster and bit
 *   0E0  DFR      rw   xAPIC only: bits 31:28, F flat, 0 cluster
 *   0F0  SVR      rw   bit 8 enable, 7:0 spurious vector
 *   100  ISR      r    8 x 32 bits, every 10h
 *   180  TMR      r
 *   200  IRR      r
 *   280  ESR      rw   a write latches what has happened since the last one
 *   300  ICR      rw   bits 7:0 vector, 10:8 mode, 11 logical, 14 assert, 15 level, 19:18 shorthand; x2APIC: 64 bits
 *   310  ICR2     rw   xAPIC only: bits 31:24 destination
 *   320  LVT TIMER     18:17 mode (00 once, 01 periodic, 10 TSC deadline), 16 masked, 7:0 vector
 *   330  LVT THERMAL, 340 PERF, 350 LINT0, 360 LINT1, 370 ERROR
 *   380  TMICT    rw   initial count, 1 GHz before the divider
 *   390  TMCCT    r    current count
 *   3E0  TDCR     rw   bits 3, 1, 0: divider
 *   3F0  SELF IPI w    x2APIC only
 * </pre>
 *
 * Any thread: all state is guarded by this object's lock, which is held for no call out but those
 * of the vCPU's signal and of the timer.
 */
final class Lapic implements LocalApic {
  static final int VALUES = 37;

  private static final int ID = 0x02;
  private static final int VERSION = 0x03;
  private static final int TPR = 0x08;
  private static final int APR = 0x09;
  private static final int PPR = 0x0A;
  private static final int EOI = 0x0B;
  private static final int LDR = 0x0D;
  private static final int DFR = 0x0E;
  private static final int SVR = 0x0F;
  private static final int ISR = 0x10;
  private static final int TMR = 0x18;
  private static final int IRR = 0x20;
  private static final int ESR = 0x28;
  private static final int ICR = 0x30;
  private static final int ICR2 = 0x31;
  private static final int LVT_TIMER = 0x32;
  private static final int LVT_LINT0 = 0x35;
  private static final int LVT_LINT1 = 0x36;
  private static final int LVT_ERROR = 0x37;
  private static final int TMICT = 0x38;
  private static final int TMCCT = 0x39;
  private static final int TDCR = 0x3E;
  private static final int SELF_IPI = 0x3F;
  private static final int REGISTERS = 0x40;

  /**
   * The registers, 16 bytes each; the rest of the page, AMD's extensions included, reads as zero.
   */
  private static final int WINDOW_BYTES = REGISTERS << 4;

  private static final int VERSION_VALUE = 0x0005_0014;
  private static final int SVR_ENABLE = 0x100;
  private static final int LVT_MASKED = 0x1_0000;
  private static final int LVT_MODE = 0x700;
  private static final int LVT_EXT_INT = 0x700;
  private static final int TIMER_PERIODIC = 1;
  private static final int TIMER_DEADLINE = 2;
  private static final int ESR_SEND_ILLEGAL = 0x20;
  private static final int ESR_RECEIVE_ILLEGAL = 0x40;
  private static final int ESR_ILLEGAL_REGISTER = 0x80;

  /** Writable bits of the LVT entries: timer, thermal, performance, LINT0, LINT1, error. */
  private static final int[] LVT_BITS = {
    0x7_00FF, 0x1_07FF, 0x1_07FF, 0x1_A7FF, 0x1_A7FF, 0x1_00FF
  };

  private static final long BASE_BSP = 1 << 8;
  private static final long BASE_X2APIC = 1 << 10;
  private static final long BASE_ENABLE = 1 << 11;
  private static final long BASE_ADDRESS = 0x000F_FFFF_FFFF_F000L;
  private static final long BASE_DEFAULT = 0xFEE0_0000L;
  private static final int FIRST_LEGAL_VECTOR = 16;

  /** Faster than this a periodic timer only costs the host; KVM has such a bound too. */
  private static final long SHORTEST_PERIOD_NS = 100_000;

  private final int id;
  private final ApicBus bus;
  private final VirtualClock clock;
  private final VirtualClock.Timer timer;
  private final @Nullable PicOutput pic;
  private final int[] regs = new int[REGISTERS];
  private @Nullable VcpuSignal signal;
  private long baseMsr;
  private boolean nmi;
  private int errors;
  private long timerStartNs;
  private long deadlineTsc;
  private boolean lint0High;

  Lapic(int id, ApicBus bus, VirtualClock clock, @Nullable PicOutput pic) {
    this.id = id;
    this.bus = bus;
    this.clock = clock;
    this.pic = pic;
    this.timer = clock.timer("lapic" + id, this::timerFired);
    reset();
  }

  int id() {
    return id;
  }

  @Override
  public synchronized void connect(VcpuSignal newSignal) {
    signal = newSignal;
  }

  // ---- reset

  synchronized void reset() {
    baseMsr = BASE_DEFAULT | BASE_ENABLE | (id == 0 ? BASE_BSP : 0);
    resetRegisters();
  }

  /** What INIT leaves: all but the identity and the base. */
  private void resetRegisters() {
    java.util.Arrays.fill(regs, 0);
    regs[DFR] = -1;
    regs[SVR] = 0xFF;
    for (int lvt = LVT_TIMER; lvt <= LVT_ERROR; lvt++) {
      regs[lvt] = LVT_MASKED;
    }
    if (id == 0) {
      regs[LVT_LINT0] = LVT_EXT_INT; // virtual wire, as a BIOS leaves it
    }
    nmi = false;
    errors = 0;
    deadlineTsc = 0;
    timer.cancel();
  }

  void close() {
    timer.cancel();
  }

  // ---- priorities

  private static int highest(int[] regs, int first) {
    for (int word = 7; word >= 0; word--) {
      int bits = regs[first + word];
      if (bits != 0) {
        return 32 * word + 31 - Integer.numberOfLeadingZeros(bits);
      }
    }
    return -1;
  }

  private void setBit(int first, int vector, boolean value) {
    int bit = 1 << (vector & 31);
    int word = first + (vector >> 5);
    regs[word] = value ? regs[word] | bit : regs[word] & ~bit;
  }

  private boolean bit(int first, int vector) {
    return (regs[first + (vector >> 5)] & 1 << (vector & 31)) != 0;
  }

  private int ppr() {
    int inService = Math.max(highest(regs, ISR), 0);
    int tpr = regs[TPR];
    return (tpr & 0xF0) >= (inService & 0xF0) ? tpr : inService & 0xF0;
  }

  synchronized int priority() {
    return ppr();
  }

  private boolean globallyEnabled() {
    return (baseMsr & BASE_ENABLE) != 0;
  }

  private boolean x2apic() {
    return (baseMsr & BASE_X2APIC) != 0;
  }

  synchronized boolean inX2apicMode() {
    return x2apic();
  }

  synchronized boolean enabled() {
    return globallyEnabled() && (regs[SVR] & SVR_ENABLE) != 0;
  }

  private int deliverable() {
    int vector = globallyEnabled() ? highest(regs, IRR) : -1;
    return vector >= 0 && (vector & 0xF0) > (ppr() & 0xF0) ? vector : -1;
  }

  private boolean acceptsPic() {
    return !globallyEnabled()
        ? id == 0
        : (regs[LVT_LINT0] & (LVT_MASKED | LVT_MODE)) == LVT_EXT_INT;
  }

  // ---- the vCPU's side

  @Override
  public boolean pending() {
    synchronized (this) {
      if (nmi || deliverable() >= 0) {
        return true;
      }
      if (pic == null || !acceptsPic()) {
        return false;
      }
    }
    return pic.asserted();
  }

  @Override
  public int acknowledge() {
    boolean askPic;
    synchronized (this) {
      askPic = pic != null && acceptsPic();
    }
    if (askPic && pic != null && pic.asserted()) {
      return pic.acknowledge();
    }
    synchronized (this) {
      int vector = deliverable();
      if (vector >= 0) {
        setBit(IRR, vector, false);
        setBit(ISR, vector, true);
      }
      return vector;
    }
  }

  @Override
  public synchronized boolean takeNmi() {
    boolean taken = nmi;
    nmi = false;
    return taken;
  }

  @Override
  public synchronized int cr8() {
    return regs[TPR] >> 4;
  }

  @Override
  public synchronized void setCr8(int value) {
    regs[TPR] = (value & 0xF) << 4;
    wake();
  }

  /** Raises the vCPU if it has something to look at. */
  private void wake() {
    if (signal != null && (nmi || deliverable() >= 0)) {
      signal.interrupt();
    }
  }

  // ---- messages

  synchronized boolean matchesLogical(int destination) {
    if (x2apic()) {
      int own = logicalX2apicId();
      return own >>> 16 == destination >>> 16 && (own & destination & 0xFFFF) != 0;
    }
    int own = regs[LDR] >>> 24;
    if (regs[DFR] >>> 28 == 0xF) {
      return (own & destination) != 0;
    }
    return own >> 4 == (destination >> 4 & 0xF) && (own & destination & 0xF) != 0;
  }

  private int logicalX2apicId() {
    return id >> 4 << 16 | 1 << (id & 0xF);
  }

  /** A message for this APIC. */
  synchronized void receive(int deliveryMode, int vector, boolean level) {
    switch (deliveryMode) {
      case InterruptBus.FIXED, InterruptBus.LOWEST_PRIORITY -> accept(vector & 0xFF, level);
      case InterruptBus.NMI -> {
        nmi = true;
        wake();
      }
      case InterruptBus.INIT -> {
        resetRegisters();
        if (signal != null) {
          signal.init();
        }
      }
      case InterruptBus.STARTUP -> {
        if (signal != null) {
          signal.startup(vector & 0xFF);
        }
      }
      default -> {} // SMI: there is no SMM; ExtINT: the PIC is wired to LINT0
    }
  }

  private void accept(int vector, boolean level) {
    if (vector < FIRST_LEGAL_VECTOR) {
      error(ESR_RECEIVE_ILLEGAL);
      return;
    }
    if (!enabled()) {
      return;
    }
    setBit(TMR, vector, level);
    setBit(IRR, vector, true);
    wake();
  }

  private void error(int bit) {
    boolean first = errors == 0;
    errors |= bit;
    if (first
        && (regs[LVT_ERROR] & LVT_MASKED) == 0
        && (regs[LVT_ERROR] & 0xFF) >= FIRST_LEGAL_VECTOR) {
      accept(regs[LVT_ERROR] & 0xFF, false);
    }
  }

  /** The PIC's output changed: LINT0 of the first vCPU. */
  void picChanged() {
    boolean high = pic != null && pic.asserted();
    synchronized (this) {
      boolean rising = high && !lint0High;
      lint0High = high;
      if (acceptsPic()) {
        if (high && signal != null) {
          signal.interrupt();
        }
      } else if (rising) {
        localInterrupt(LVT_LINT0);
      }
    }
  }

  private void localInterrupt(int lvt) {
    if ((regs[lvt] & LVT_MASKED) == 0 && enabled()) {
      receive(regs[lvt] >> 8 & 7, regs[lvt] & 0xFF, false);
    }
  }

  // ---- timer

  private int timerMode() {
    return regs[LVT_TIMER] >> 17 & 3;
  }

  private int divider() {
    int code = (regs[TDCR] & 3) | (regs[TDCR] >> 1 & 4);
    return code == 7 ? 1 : 2 << code;
  }

  /** Nanoseconds that the initial count takes. */
  private long countNs() {
    return Integer.toUnsignedLong(regs[TMICT]) * divider();
  }

  private int currentCount() {
    if (regs[TMICT] == 0 || timerMode() == TIMER_DEADLINE) {
      return 0;
    }
    long elapsed = Math.max(0, clock.nowNs() - timerStartNs);
    if (timerMode() == TIMER_PERIODIC) {
      elapsed %= countNs();
    }
    return elapsed >= countNs() ? 0 : (int) ((countNs() - elapsed + divider() - 1) / divider());
  }

  private void startCount() {
    timerStartNs = clock.nowNs();
    armCount();
  }

  private void armCount() {
    if (regs[TMICT] == 0 || timerMode() == TIMER_DEADLINE) {
      timer.cancel();
    } else {
      timer.arm(timerStartNs + countNs());
    }
  }

  private void armDeadline() {
    if (deadlineTsc == 0) {
      timer.cancel();
      return;
    }
    long ticks = deadlineTsc - clock.tsc();
    // In seconds and the rest, so that no product overflows; a deadline in the far future is as
    // good as none.
    long hz = clock.tscHz();
    long seconds = Math.min(Math.max(ticks, 0) / hz, Integer.MAX_VALUE);
    long restNs = Math.ceilDiv(Math.max(ticks, 0) % hz * 1_000_000L, Math.max(1, hz / 1000));
    timer.arm(clock.nowNs() + seconds * 1_000_000_000L + restNs);
  }

  private synchronized void timerFired() {
    if (timerMode() == TIMER_DEADLINE) {
      if (deadlineTsc == 0) {
        return;
      }
      if (clock.tsc() - deadlineTsc < 0) {
        armDeadline();
        return;
      }
      deadlineTsc = 0;
    } else if (regs[TMICT] == 0) {
      return;
    } else if (timerMode() == TIMER_PERIODIC) {
      long period = Math.max(countNs(), SHORTEST_PERIOD_NS);
      long behind = Math.max(0, clock.nowNs() - timerStartNs);
      timerStartNs += behind - behind % period;
      timer.arm(timerStartNs + period);
    }
    localInterrupt(LVT_TIMER);
  }

  // ---- registers

  @Override
  public synchronized long base() {
    return globallyEnabled() && !x2apic() ? baseMsr & BASE_ADDRESS : -1;
  }

  @Override
  public long mmioRead(int offset, int bytes) {
    if ((offset & 0xF) >= 4 || offset >= WINDOW_BYTES) {
      return 0;
    }
    synchronized (this) {
      long value = Integer.toUnsignedLong(read(offset >> 4)) >>> 8 * (offset & 3);
      return bytes >= 8 ? value : value & (1L << 8 * bytes) - 1;
    }
  }

  @Override
  public void mmioWrite(int offset, int bytes, long value) {
    if ((offset & 0xF) == 0 && offset < WINDOW_BYTES) {
      write(offset >> 4, (int) value);
    }
  }

  private int read(int register) {
    return switch (register) {
      case ID -> x2apic() ? id : id << 24;
      case VERSION -> VERSION_VALUE;
      case APR, PPR -> ppr();
      case LDR -> x2apic() ? logicalX2apicId() : regs[LDR];
      case EOI, SELF_IPI -> 0;
      case TMCCT -> currentCount();
      default -> regs[register];
    };
  }

  /** Writes a register that has 32 bits. EOI and IPIs leave the lock before they reach others. */
  private void write(int register, int value) {
    switch (register) {
      case EOI -> endOfInterrupt();
      case ICR -> {
        long destination;
        synchronized (this) {
          regs[ICR] = value & ~0x1000;
          destination = x2apic() ? regs[ICR2] : regs[ICR2] >>> 24;
        }
        sendIpi(value, (int) destination);
      }
      default -> {
        synchronized (this) {
          writeLocal(register, value);
        }
      }
    }
  }

  private void writeLocal(int register, int value) {
    switch (register) {
      case TPR -> {
        regs[TPR] = value & 0xFF;
        wake();
      }
      case LDR -> regs[LDR] = value & 0xFF00_0000;
      case DFR -> regs[DFR] = value | 0x0FFF_FFFF;
      case SVR -> writeSvr(value);
      case ESR -> {
        regs[ESR] = errors;
        errors = 0;
      }
      case ICR2 -> regs[ICR2] = value & 0xFF00_0000;
      case TMICT -> {
        if (timerMode() != TIMER_DEADLINE) {
          regs[TMICT] = value;
          startCount();
        }
      }
      case TDCR -> {
        regs[TDCR] = value & 0xB;
        armCountUnlessDeadline();
      }
      default -> {
        if (register >= LVT_TIMER && register <= LVT_ERROR) {
          writeLvt(register, value);
        } else if (register < ID || register > VERSION) {
          error(ESR_ILLEGAL_REGISTER);
        }
      }
    }
  }

  private void writeSvr(int value) {
    regs[SVR] = value & 0x1FF;
    if ((value & SVR_ENABLE) == 0) {
      for (int lvt = LVT_TIMER; lvt <= LVT_ERROR; lvt++) {
        regs[lvt] |= LVT_MASKED;
      }
    }
  }

  private void writeLvt(int register, int value) {
    int modeBefore = timerMode();
    int masked = (regs[SVR] & SVR_ENABLE) == 0 ? LVT_MASKED : 0;
    regs[register] = value & LVT_BITS[register - LVT_TIMER] | masked;
    if (register == LVT_TIMER && timerMode() != modeBefore) {
      if (modeBefore == TIMER_DEADLINE || timerMode() == TIMER_DEADLINE) {
        regs[TMICT] = 0;
        deadlineTsc = 0;
        timer.cancel();
      } else {
        armCount();
      }
    }
    if (register == LVT_LINT0 && acceptsPic() && lint0High && signal != null) {
      signal.interrupt();
    }
  }

  private void armCountUnlessDeadline() {
    if (timerMode() != TIMER_DEADLINE && regs[TMICT] != 0) {
      armCount();
    }
  }

  private void endOfInterrupt() {
    int vector;
    boolean level;
    synchronized (this) {
      vector = highest(regs, ISR);
      if (vector < 0) {
        return;
      }
      setBit(ISR, vector, false);
      level = bit(TMR, vector);
      wake();
    }
    if (level) {
      bus.ended(vector);
    }
  }

  private void sendIpi(int command, int destination) {
    int mode = command >> 8 & 7;
    int vector = command & 0xFF;
    boolean level = (command & 0x8000) != 0;
    if (mode == InterruptBus.INIT && level && (command & 0x4000) == 0) {
      return; // INIT level de-assert: only the arbitration ids of old APICs cared
    }
    if ((mode == InterruptBus.FIXED || mode == InterruptBus.LOWEST_PRIORITY)
        && vector < FIRST_LEGAL_VECTOR) {
      synchronized (this) {
        error(ESR_SEND_ILLEGAL);
      }
      return;
    }
    switch (command >> 18 & 3) {
      case 0 -> bus.send(destination, (command & 0x800) != 0, mode, vector, false);
      case 1 -> receive(InterruptBus.FIXED, vector, false);
      case 2 -> bus.sendToOthers(this, true, mode, vector, false);
      default -> bus.sendToOthers(this, false, mode, vector, false);
    }
  }

  // ---- MSRs

  @Override
  public synchronized long readMsr(int msr) {
    if (msr == Msr.APIC_BASE) {
      return baseMsr;
    }
    if (msr == Msr.TSC_DEADLINE) {
      return timerMode() == TIMER_DEADLINE ? deadlineTsc : 0;
    }
    int register = msr - Msr.X2APIC_FIRST;
    if (!x2apic() || register < 0 || register >= REGISTERS) {
      return 0;
    }
    long low = Integer.toUnsignedLong(read(register));
    return register == ICR ? low | (long) regs[ICR2] << 32 : low;
  }

  @Override
  public boolean writeMsr(int msr, long value) {
    return switch (msr) {
      case Msr.APIC_BASE -> writeBase(value);
      case Msr.TSC_DEADLINE -> writeDeadline(value);
      default -> writeX2apic(msr - Msr.X2APIC_FIRST, value);
    };
  }

  private synchronized boolean writeBase(long value) {
    boolean enable = (value & BASE_ENABLE) != 0;
    boolean x2 = (value & BASE_X2APIC) != 0;
    boolean reserved = (value & ~(BASE_ADDRESS | BASE_ENABLE | BASE_X2APIC | BASE_BSP)) != 0;
    // The legal moves between the modes: APM Vol. 2, section 16.9.
    if (reserved || x2 && !enable || x2 && !globallyEnabled() || x2apic() && enable && !x2) {
      return false;
    }
    boolean wasEnabled = globallyEnabled();
    baseMsr = value & ~BASE_BSP | (id == 0 ? BASE_BSP : 0);
    if (wasEnabled && !enable) {
      resetRegisters();
    }
    return true;
  }

  private synchronized boolean writeDeadline(long value) {
    if (timerMode() == TIMER_DEADLINE) {
      deadlineTsc = value;
      armDeadline();
    }
    return true;
  }

  /** Which registers x2APIC mode lets be written, and with what, is checked here; else #GP. */
  private boolean writeX2apic(int register, long value) {
    synchronized (this) {
      if (!x2apic()) {
        return false;
      }
    }
    boolean wide = value >>> 32 != 0;
    switch (register) {
      case ICR -> {
        synchronized (this) {
          regs[ICR] = (int) value;
          regs[ICR2] = (int) (value >>> 32);
        }
        sendIpi((int) value, (int) (value >>> 32));
        return true;
      }
      case EOI, ESR -> {
        if (value != 0) {
          return false;
        }
        write(register, 0);
        return true;
      }
      case SELF_IPI -> {
        if (wide || (value & ~0xFFL) != 0) {
          return false;
        }
        sendIpi((int) value | 1 << 18, 0);
        return true;
      }
      case TPR, SVR, TMICT, TDCR -> {
        if (wide) {
          return false;
        }
        write(register, (int) value);
        return true;
      }
      default -> {
        if (wide || register < LVT_TIMER || register > LVT_ERROR) {
          return false;
        }
        write(register, (int) value);
        return true;
      }
    }
  }

  // ---- state

  private static final int SAVED_REGISTERS = REGISTERS / 2;

  /** Registers in 32-bit pairs where they fit, then the rest. */
  synchronized long[] save() {
    long[] values = new long[VALUES];
    for (int i = 0; i < REGISTERS; i += 2) {
      values[i / 2] = Integer.toUnsignedLong(regs[i]) << 32 | Integer.toUnsignedLong(regs[i + 1]);
    }
    values[SAVED_REGISTERS] = baseMsr;
    values[SAVED_REGISTERS + 1] = (nmi ? 1 : 0) | (lint0High ? 2 : 0);
    values[SAVED_REGISTERS + 2] = errors;
    values[SAVED_REGISTERS + 3] = regs[TMICT] == 0 ? 0 : clock.nowNs() - timerStartNs;
    values[SAVED_REGISTERS + 4] = deadlineTsc;
    return values;
  }

  synchronized void restore(long[] values) {
    for (int i = 0; i < REGISTERS; i += 2) {
      regs[i] = (int) (values[i / 2] >>> 32);
      regs[i + 1] = (int) values[i / 2];
    }
    baseMsr = values[SAVED_REGISTERS];
    nmi = (values[SAVED_REGISTERS + 1] & 1) != 0;
    lint0High = (values[SAVED_REGISTERS + 1] & 2) != 0;
    errors = (int) values[SAVED_REGISTERS + 2] & 0xFF;
    timerStartNs = clock.nowNs() - values[SAVED_REGISTERS + 3];
    deadlineTsc = values[SAVED_REGISTERS + 4];
    if (timerMode() == TIMER_DEADLINE) {
      armDeadline();
    } else {
      armCount();
    }
    wake();
  }
}
