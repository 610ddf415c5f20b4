package org.redoubt.devices.platform.internal;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.Device;
import org.redoubt.api.device.DeviceContext;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.api.device.Dma;
import org.redoubt.api.device.ParavirtualFace;
import org.redoubt.api.device.VirtualClock;
import org.redoubt.struct.SavedState;

/**
 * The hypervisor interface that guests know from KVM, so that they keep time without calibrating
 * anything. Linux, Documentation/virt/kvm/x86: cpuid, msr, hypercalls.
 *
 * <pre>
 *   CPUID 1         ECX bit 31: a hypervisor is present
 *   CPUID 40000000  EAX 40000010h, then "KVMKVMKVM"
 *         40000001  EAX bit 0 CLOCKSOURCE, 1 NOP_IO_DELAY, 3 CLOCKSOURCE2, 24 CLOCKSOURCE_STABLE
 *         40000010  EAX TSC in kHz, EBX local APIC timer in kHz
 *
 *   MSR 11, 4B564D00        wall clock's gpa; each write fills it: version 4, sec 4, nsec 4
 *   MSR 12, 4B564D01        system time's gpa, bit 0 enables, one for each vCPU:
 *         0h  version 4, pad 4, tsc_timestamp 8
 *        10h  system_time 8, tsc_to_system_mul 4, tsc_shift 1, flags 1 (bit 0: stable), pad 2
 * </pre>
 *
 * No ASYNC_PF, STEAL_TIME or PV_EOI. The pages are the guest's shared ones: they are written
 * through {@link Dma}. As TSC and clock never drift apart, each is written when the guest names it
 * and not again; an address that is no RAM is ignored.
 */
final class KvmFace implements Device, ParavirtualFace {
  static final int MSR_WALL_CLOCK_OLD = 0x11;
  static final int MSR_SYSTEM_TIME_OLD = 0x12;
  static final int MSR_WALL_CLOCK = 0x4B56_4D00;
  static final int MSR_SYSTEM_TIME = 0x4B56_4D01;
  private static final int SIGNATURE_LEAF = 0x4000_0000;
  private static final int FEATURE_LEAF = 0x4000_0001;
  private static final int TIMING_LEAF = 0x4000_0010;
  private static final int FEATURES = 1 | 1 << 1 | 1 << 3 | 1 << 24;
  private static final int APIC_KHZ = 1_000_000;
  private static final int HYPERVISOR_PRESENT = 1 << 31;

  /** KVM_ENOSYS. */
  private static final long UNKNOWN_HYPERCALL = -1000;

  private static final int SYSTEM_TIME_BYTES = 32;
  private static final int WALL_CLOCK_BYTES = 12;
  private static final int STABLE = 1;
  private static final long ENABLED = 1;
  private static final long NS = 1_000_000_000;
  private static final int KIND = 0x4B56_4D46;
  private static final int VERSION = 1;

  private final String name;
  private final VirtualClock clock;
  private final Dma dma;
  private final long[] systemTime;
  private long wallClock;

  KvmFace(DeviceContext context) {
    name = context.name();
    clock = context.clock();
    dma = context.dma();
    systemTime = new long[context.vcpus()];
    context.offer(ParavirtualFace.class, this);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public void reset() {
    java.util.Arrays.fill(systemTime, 0);
    wallClock = 0;
  }

  @Override
  public void cpuid(int leaf, int subleaf, int[] registers) {
    switch (leaf) {
      case 1 -> registers[2] |= HYPERVISOR_PRESENT;
      case SIGNATURE_LEAF -> set(registers, TIMING_LEAF, 0x4B4D_564B, 0x564B_4D56, 0x4D);
      case FEATURE_LEAF -> set(registers, FEATURES, 0, 0, 0);
      case TIMING_LEAF -> set(registers, (int) (clock.tscHz() / 1000), APIC_KHZ, 0, 0);
      default -> {
        if (leaf > SIGNATURE_LEAF && leaf < TIMING_LEAF) {
          set(registers, 0, 0, 0, 0);
        }
      }
    }
  }

  private static void set(int[] registers, int eax, int ebx, int ecx, int edx) {
    registers[0] = eax;
    registers[1] = ebx;
    registers[2] = ecx;
    registers[3] = edx;
  }

  @Override
  public boolean ownsMsr(int msr) {
    return switch (msr) {
      case MSR_WALL_CLOCK, MSR_WALL_CLOCK_OLD, MSR_SYSTEM_TIME, MSR_SYSTEM_TIME_OLD -> true;
      default -> false;
    };
  }

  @Override
  public boolean readMsr(int vcpu, int msr, long[] value) {
    switch (msr) {
      case MSR_WALL_CLOCK, MSR_WALL_CLOCK_OLD -> value[0] = wallClock;
      case MSR_SYSTEM_TIME, MSR_SYSTEM_TIME_OLD -> value[0] = systemTime[vcpu];
      default -> {
        return false;
      }
    }
    return true;
  }

  @Override
  public boolean writeMsr(int vcpu, int msr, long value) {
    switch (msr) {
      case MSR_WALL_CLOCK, MSR_WALL_CLOCK_OLD -> {
        wallClock = value;
        writeWallClock();
      }
      case MSR_SYSTEM_TIME, MSR_SYSTEM_TIME_OLD -> {
        systemTime[vcpu] = value;
        writeSystemTime(vcpu);
      }
      default -> {
        return false;
      }
    }
    return true;
  }

  @Override
  public long hypercall(int vcpu, long number, long[] arguments) {
    return UNKNOWN_HYPERCALL;
  }

  private static ByteBuffer little(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** The wall-clock time at which the machine's clock was zero. Even versions are complete ones. */
  private void writeWallClock() {
    long bootNs = clock.wallNs() - clock.nowNs();
    ByteBuffer page = little(WALL_CLOCK_BYTES);
    page.putInt(2).putInt((int) Math.floorDiv(bootNs, NS)).putInt((int) Math.floorMod(bootNs, NS));
    dma.write(wallClock, MemorySegment.ofArray(page.array()));
  }

  private void writeSystemTime(int vcpu) {
    if ((systemTime[vcpu] & ENABLED) == 0) {
      return;
    }
    TscScale scale = TscScale.of(clock.tscHz());
    // One moment in both: what the clock says is what the formula gives for this TSC.
    long tsc = clock.tsc();
    ByteBuffer page = little(SYSTEM_TIME_BYTES);
    page.putInt(2).putInt(0).putLong(tsc).putLong(clock.nowNs());
    page.putInt(scale.multiplier()).put((byte) scale.shift()).put((byte) STABLE);
    dma.write(systemTime[vcpu] & ~ENABLED, MemorySegment.ofArray(page.array()));
  }

  /**
   * How a guest turns TSC ticks into nanoseconds: {@code (ticks << shift) * multiplier >> 32}, to
   * the right for a negative shift.
   */
  record TscScale(int multiplier, int shift) {
    /**
     * The most precise scale: its multiplier has its highest bit set, or the shift would lose
     * ticks.
     */
    static TscScale of(long hz) {
      int shift = 0;
      long scaledHz = hz;
      while (scaledHz > 2 * NS) {
        scaledHz >>= 1;
        shift--;
      }
      while (scaledHz <= NS) {
        scaledHz <<= 1;
        shift++;
      }
      // scaledHz may have lost bits to the right; the quotient is taken from the true frequency.
      java.math.BigInteger ticks = java.math.BigInteger.valueOf(NS).shiftLeft(32 - shift);
      return new TscScale(ticks.divide(java.math.BigInteger.valueOf(hz)).intValue(), shift);
    }
  }

  @Override
  public byte[] save() {
    long[] values = java.util.Arrays.copyOf(systemTime, systemTime.length + 1);
    values[systemTime.length] = wallClock;
    return SavedState.write(KIND, VERSION, values);
  }

  /**
   * The pages come back with the memory; but this clock is another one, so they are written anew.
   */
  @Override
  public void restore(byte[] state) {
    long[] values = SavedState.read(state, KIND, VERSION, systemTime.length + 1);
    System.arraycopy(values, 0, systemTime, 0, systemTime.length);
    wallClock = values[systemTime.length];
    for (int vcpu = 0; vcpu < systemTime.length; vcpu++) {
      writeSystemTime(vcpu);
    }
  }

  @Override
  public void close() {}

  /** Makes it. */
  @Component(property = DeviceFactory.DEVICE_NAME + "=kvm-face")
  public static final class Factory implements DeviceFactory {
    @Override
    public Device create(DeviceContext context) throws HypervisorException {
      return new KvmFace(context);
    }
  }
}
