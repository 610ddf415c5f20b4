package org.redoubt.devices.platform.internal;

import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.Device;
import org.redoubt.api.device.DeviceContext;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.api.device.IrqLine;
import org.redoubt.api.device.PortHandler;
import org.redoubt.api.device.VirtualClock;
import org.redoubt.struct.SavedState;

/**
 * The real-time clock and its battery-backed memory. Motorola MC146818A data sheet.
 *
 * <pre>
 *   70h  w   bits 6:0 index (bit 7 masks NMI on a PC; there is no such source here)
 *   71h  rw  the register
 *
 *   00h seconds  01h alarm  02h minutes  03h alarm  04h hours  05h alarm  06h day of week  07h day  08h month  09h year
 *   0Ah  A   bit 7 update in progress (r), 6:4 divider, 3:0 rate of the periodic interrupt
 *   0Bh  B   bit 7 SET stops the clock, 6 periodic, 5 alarm, 4 update-ended interrupt, 2 binary, 1 24 hours
 *   0Ch  C   r, clears: bit 7 interrupt, 6 periodic, 5 alarm, 4 update ended
 *   0Dh  D   r: bit 7 battery good
 *   0Eh to 7Fh  memory; 32h is the century
 * </pre>
 *
 * What the guest sets is kept as a difference to the machine's wall clock.
 */
final class CmosRtc implements Device, PortHandler {
  private static final int GSI = 8;
  private static final int A = 0xA;
  private static final int B = 0xB;
  private static final int C = 0xC;
  private static final int D = 0xD;
  private static final int CENTURY = 0x32;
  private static final int BYTES = 0x80;
  private static final int SET = 0x80;
  private static final int PERIODIC = 0x40;
  private static final int ALARM = 0x20;
  private static final int UPDATE = 0x10;
  private static final int BINARY = 4;
  private static final int HOURS_24 = 2;
  private static final int PM = 0x80;
  private static final long NS = 1_000_000_000;
  private static final long UPDATE_NS = 244_000;
  private static final int KIND = 0x434D_4F53;
  private static final int VERSION = 1;

  private final String name;
  private final VirtualClock clock;
  private final IrqLine irq;
  private final VirtualClock.Timer second;
  private final VirtualClock.Timer periodic;
  private final int[] memory = new int[BYTES];
  private int index;
  private long offsetSeconds;
  private long frozenSeconds; // while SET is on

  CmosRtc(DeviceContext context) throws HypervisorException {
    name = context.name();
    clock = context.clock();
    irq = context.irq(GSI);
    second = clock.timer(name + " second", this::secondPassed);
    periodic = clock.timer(name + " periodic", this::periodPassed);
    context.claimPorts(0x70, 2, this);
    reset();
  }

  @Override
  public String name() {
    return name;
  }

  /** The battery keeps time and memory. */
  @Override
  public void reset() {
    memory[A] = 0x26;
    memory[B] = HOURS_24;
    memory[C] = 0;
    index = 0;
    schedule();
    updateIrq();
  }

  @Override
  public int in(int port, int bytes) {
    int value = (port & 1) == 0 ? 0xFF : read();
    return value | Options.onesAbove(bytes);
  }

  @Override
  public void out(int port, int bytes, int wide) {
    if ((port & 1) == 0) {
      index = wide & 0x7F;
    } else {
      write(wide & 0xFF);
    }
  }

  private long seconds() {
    return (memory[B] & SET) != 0
        ? frozenSeconds
        : Math.floorDiv(clock.wallNs(), NS) + offsetSeconds;
  }

  private LocalDateTime time() {
    return LocalDateTime.ofEpochSecond(seconds(), 0, ZoneOffset.UTC);
  }

  private int read() {
    return switch (index) {
      case 0, 2, 4, 6, 7, 8, 9, CENTURY -> readTime();
      case A -> memory[A] | (updating() ? 0x80 : 0);
      case C -> {
        int flags = memory[C];
        memory[C] = 0;
        updateIrq();
        yield flags;
      }
      case D -> 0x80;
      default -> memory[index];
    };
  }

  private boolean updating() {
    return (memory[B] & SET) == 0 && Math.floorMod(clock.wallNs(), NS) >= NS - UPDATE_NS;
  }

  private int readTime() {
    LocalDateTime time = time();
    return switch (index) {
      case 0 -> encode(time.getSecond());
      case 2 -> encode(time.getMinute());
      case 4 -> encodeHour(time.getHour());
      case 6 -> encode(time.getDayOfWeek().getValue() % 7 + 1);
      case 7 -> encode(time.getDayOfMonth());
      case 8 -> encode(time.getMonthValue());
      case 9 -> encode(Math.floorMod(time.getYear(), 100));
      default -> encode(Math.floorMod(time.getYear() / 100, 100));
    };
  }

  private int encode(int value) {
    return (memory[B] & BINARY) != 0 ? value : value / 10 << 4 | value % 10;
  }

  private int decode(int raw) {
    return (memory[B] & BINARY) != 0 ? raw : (raw >> 4) * 10 + (raw & 0xF);
  }

  private int encodeHour(int hour) {
    if ((memory[B] & HOURS_24) != 0) {
      return encode(hour);
    }
    return encode(hour % 12 == 0 ? 12 : hour % 12) | (hour >= 12 ? PM : 0);
  }

  private int decodeHour(int raw) {
    if ((memory[B] & HOURS_24) != 0) {
      return decode(raw);
    }
    return decode(raw & ~PM) % 12 + ((raw & PM) != 0 ? 12 : 0);
  }

  private void write(int value) {
    switch (index) {
      case 0, 2, 4, 7, 8, 9, CENTURY -> writeTime(value);
      case 6, C, D -> {} // the day of the week follows from the date; flags are for reading
      case A -> {
        memory[A] = value & 0x7F;
        schedule();
      }
      case B -> writeB(value);
      default -> memory[index] = value;
    }
  }

  private void writeB(int value) {
    long now = seconds();
    memory[B] = (value & SET) != 0 ? value & ~UPDATE : value;
    setSeconds(now);
    schedule();
    updateIrq();
  }

  private void setSeconds(long value) {
    // A date past year 9999, of fields that no clock has, is the last one that there is.
    frozenSeconds = bounded(value);
    offsetSeconds = frozenSeconds - Math.floorDiv(clock.wallNs(), NS);
  }

  /** Replaces one field. What does not exist, such as 31 February, carries over. */
  private void writeTime(int raw) {
    LocalDateTime time = time();
    int value = decode(raw);
    LocalDateTime changed =
        switch (index) {
          case 0 -> time.withSecond(0).plusSeconds(value);
          case 2 -> time.withMinute(0).plusMinutes(value);
          case 4 -> time.withHour(0).plusHours(decodeHour(raw));
          case 7 -> time.withDayOfMonth(1).plusDays(value - 1L);
          case 8 -> time.withMonth(1).plusMonths(value - 1L);
          case 9 -> time.withYear(century(time) * 100 + value);
          default -> time.withYear(value * 100 + Math.floorMod(time.getYear(), 100));
        };
    setSeconds(changed.toEpochSecond(ZoneOffset.UTC));
  }

  private static int century(LocalDateTime time) {
    return Math.floorDiv(time.getYear(), 100);
  }

  // ---- interrupts

  private void schedule() {
    if ((memory[B] & SET) == 0 && (memory[B] & (ALARM | UPDATE)) != 0) {
      second.arm(clock.nowNs() + NS - Math.floorMod(clock.wallNs(), NS));
    } else {
      second.cancel();
    }
    if ((memory[B] & PERIODIC) != 0 && (memory[A] & 0xF) != 0) {
      periodic.arm(clock.nowNs() + periodNs());
    } else {
      periodic.cancel();
    }
  }

  /** Rates 1 and 2 are those of 8 and 9. */
  private long periodNs() {
    int rate = memory[A] & 0xF;
    return NS * (1L << (rate < 3 ? rate + 6 : rate - 1)) / 32_768;
  }

  private void secondPassed() {
    memory[C] |= UPDATE | (alarmMatches() ? ALARM : 0);
    updateIrq();
    schedule();
  }

  private boolean alarmMatches() {
    LocalDateTime time = time();
    return matches(memory[1], encode(time.getSecond()))
        && matches(memory[3], encode(time.getMinute()))
        && matches(memory[5], encodeHour(time.getHour()));
  }

  /** C0h and above match everything. */
  private static boolean matches(int alarm, int now) {
    return alarm >= 0xC0 || alarm == now;
  }

  private void periodPassed() {
    memory[C] |= PERIODIC;
    updateIrq();
    if ((memory[B] & PERIODIC) != 0 && (memory[A] & 0xF) != 0) {
      periodic.arm(clock.nowNs() + periodNs());
    }
  }

  private void updateIrq() {
    boolean active = (memory[B] & memory[C] & (PERIODIC | ALARM | UPDATE)) != 0;
    memory[C] = memory[C] & ~0x80 | (active ? 0x80 : 0);
    irq.set(active);
  }

  @Override
  public byte[] save() {
    long[] values = new long[BYTES + 3];
    for (int i = 0; i < BYTES; i++) {
      values[i] = memory[i];
    }
    values[BYTES] = index;
    values[BYTES + 1] = offsetSeconds;
    values[BYTES + 2] = frozenSeconds;
    return SavedState.write(KIND, VERSION, values);
  }

  @Override
  public void restore(byte[] state) {
    long[] values = SavedState.read(state, KIND, VERSION, BYTES + 3);
    for (int i = 0; i < BYTES; i++) {
      memory[i] = (int) values[i] & 0xFF;
    }
    index = (int) values[BYTES] & 0x7F;
    offsetSeconds = bounded(values[BYTES + 1]);
    frozenSeconds = bounded(values[BYTES + 2]);
    schedule();
    updateIrq();
  }

  /** Within what dates can say. */
  private static long bounded(long seconds) {
    long most = Instant.parse("9999-12-31T23:59:59Z").getEpochSecond();
    return Math.clamp(seconds, -most, most);
  }

  @Override
  public void close() {
    second.cancel();
    periodic.cancel();
  }

  /** Makes it. */
  @Component(property = DeviceFactory.DEVICE_NAME + "=cmos-rtc")
  public static final class Factory implements DeviceFactory {
    @Override
    public Device create(DeviceContext context) throws HypervisorException {
      return new CmosRtc(context);
    }
  }
}
