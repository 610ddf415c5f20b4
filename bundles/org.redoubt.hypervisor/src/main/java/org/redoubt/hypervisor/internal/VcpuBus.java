package org.redoubt.hypervisor.internal;

import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.cpu.CpuBus;
import org.redoubt.api.cpu.Exit;
import org.redoubt.api.device.LocalApic;
import org.redoubt.api.device.ParavirtualFace;
import org.redoubt.spec.x86.Cpuid;
import org.redoubt.spec.x86.Msr;

/** One vCPU's way to the machine's devices, MSRs and hypercalls. */
final class VcpuBus implements CpuBus {
  /** Answer to a hypercall that nobody knows: KVM_ENOSYS. */
  private static final long UNKNOWN_HYPERCALL = -1000;

  private final int index;
  private final int vcpus;
  private final Machine machine;
  private final LocalApic apic;
  private final @Nullable ParavirtualFace face;
  private final MachineClock clock;
  final AccessLog log;

  /** Where the C-bit is in the page tables of encrypted guests; as on the first EPYCs. */
  static final int C_BIT = 47;

  /** By how many bits the C-bit shortens guest-physical addresses. */
  private static final int ADDRESS_REDUCTION = 5;

  private static final int SEV_LEAF = 0x8000_001f;
  private static final int KVM_FEATURES = 0x4000_0001;
  private static final long SEV_ACTIVE = 1;

  private final int cBit;
  private final SevProfile profile;

  /**
   * @param cBit position of the C-bit of an encrypted guest, else 0
   * @param profile how an encrypted guest is told
   */
  VcpuBus(int index, int vcpus, Machine machine, LocalApic apic, int cBit, SevProfile profile) {
    this.cBit = cBit;
    this.profile = profile;
    this.index = index;
    this.vcpus = vcpus;
    this.machine = machine;
    this.apic = apic;
    Optional<ParavirtualFace> found = machine.part(ParavirtualFace.class);
    this.face = found.orElse(null);
    this.clock = machine.clock();
    Exit.Kind[] kinds = Exit.Kind.values();
    String[] names = new String[kinds.length];
    for (int i = 0; i < kinds.length; i++) {
      names[i] = kinds[i].name();
    }
    this.log = new AccessLog(names);
  }

  @Override
  public int in(int port, int bytes) {
    int value = machine.in(port, bytes);
    log.add(clock.nowNs(), AccessLog.IN, bytes, port, value & 0xffff_ffffL);
    return value;
  }

  @Override
  public void out(int port, int bytes, int value) {
    log.add(clock.nowNs(), AccessLog.OUT, bytes, port, value & 0xffff_ffffL);
    machine.out(port, bytes, value);
  }

  @Override
  public long mmioRead(long gpa, int bytes) {
    long offset = gpa - apic.base();
    long value =
        offset >= 0 && offset <= 4096 - bytes && apic.base() != -1
            ? apic.mmioRead((int) offset, bytes)
            : machine.mmioRead(gpa, bytes);
    log.add(clock.nowNs(), AccessLog.MMIO_READ, bytes, gpa, value);
    return value;
  }

  @Override
  public void mmioWrite(long gpa, int bytes, long value) {
    log.add(clock.nowNs(), AccessLog.MMIO_WRITE, bytes, gpa, value);
    long offset = gpa - apic.base();
    if (offset >= 0 && offset <= 4096 - bytes && apic.base() != -1) {
      apic.mmioWrite((int) offset, bytes, value);
    } else {
      machine.mmioWrite(gpa, bytes, value);
    }
  }

  private static boolean isApicMsr(int msr) {
    return msr == Msr.APIC_BASE
        || msr == Msr.TSC_DEADLINE
        || (msr >= Msr.X2APIC_FIRST && msr <= Msr.X2APIC_LAST);
  }

  @Override
  public boolean readMsr(int msr, long[] value) {
    boolean known = readKnownMsr(msr, value);
    log.add(clock.nowNs(), AccessLog.RDMSR, known ? 8 : 0, msr & 0xffff_ffffL, value[0]);
    return known;
  }

  private boolean readKnownMsr(int msr, long[] value) {
    if (msr == Msr.SEV_STATUS && cBit != 0 && profile.hasStatusMsr()) {
      value[0] = SEV_ACTIVE;
      return true;
    }
    if (isApicMsr(msr)) {
      value[0] = apic.readMsr(msr);
      return true;
    }
    if (face != null && face.ownsMsr(msr)) {
      machine.deviceLock.lock();
      try {
        return face.readMsr(index, msr, value);
      } finally {
        machine.deviceLock.unlock();
      }
    }
    return false;
  }

  @Override
  public boolean writeMsr(int msr, long value) {
    boolean known = writeKnownMsr(msr, value);
    log.add(clock.nowNs(), AccessLog.WRMSR, known ? 8 : 0, msr & 0xffff_ffffL, value);
    return known;
  }

  private boolean writeKnownMsr(int msr, long value) {
    if (isApicMsr(msr)) {
      return apic.writeMsr(msr, value);
    }
    if (face != null && face.ownsMsr(msr)) {
      machine.deviceLock.lock();
      try {
        return face.writeMsr(index, msr, value);
      } finally {
        machine.deviceLock.unlock();
      }
    }
    return false;
  }

  @Override
  public void cpuid(int leaf, int subleaf, int[] registers) {
    switch (leaf) {
      case 1 -> {
        registers[1] = (registers[1] & 0xffff) | index << 24 | vcpus << 16;
        registers[2] |= Cpuid.F1_ECX_HYPERVISOR | Cpuid.F1_ECX_TSC_DEADLINE;
        if (vcpus > 1) {
          registers[3] |= 1 << 28; // HTT: more than one logical processor
        }
      }
      case 0x8000_0000 -> {
        if (cBit != 0 && Integer.compareUnsigned(registers[0], SEV_LEAF) < 0) {
          registers[0] = SEV_LEAF;
        }
      }
      case SEV_LEAF -> {
        if (cBit != 0) {
          registers[0] = profile.leafFeatures();
          registers[1] = cBit | ADDRESS_REDUCTION << 6;
          registers[2] = 0;
          registers[3] = 0;
        }
      }
      case 0xb -> {
        int bits = 32 - Integer.numberOfLeadingZeros(vcpus - 1);
        registers[0] = subleaf == 1 ? bits : 0;
        registers[1] = subleaf == 0 ? 1 : subleaf == 1 ? vcpus : 0;
        registers[2] = subleaf | (subleaf == 0 ? 0x100 : subleaf == 1 ? 0x200 : 0);
        registers[3] = index;
      }
      case 0x8000_0008 -> {
        int bits = 32 - Integer.numberOfLeadingZeros(vcpus - 1);
        registers[2] = vcpus - 1 | bits << 12;
      }
      case 0x8000_001e -> {
        registers[0] = index;
        registers[1] = index;
        registers[2] = 0;
        registers[3] = 0;
      }
      default -> {
        if (face != null) {
          face.cpuid(leaf, subleaf, registers);
        }
        if (leaf == KVM_FEATURES && cBit != 0) {
          registers[0] |= profile.kvmFeatures();
        }
      }
    }
  }

  @Override
  public long hypercall(long number, long[] arguments) {
    log.add(clock.nowNs(), AccessLog.HYPERCALL, 8, number, arguments[0]);
    if (face == null) {
      return UNKNOWN_HYPERCALL;
    }
    machine.deviceLock.lock();
    try {
      return face.hypercall(index, number, arguments);
    } finally {
      machine.deviceLock.unlock();
    }
  }

  /**
   * Not for encrypted guests: whoever emulates string I/O must read and write the guest's memory,
   * and finds ciphertext there. Their kernels use loops of single accesses; others get #UD, as
   * under KVM.
   */
  @Override
  public boolean stringIo(int port) {
    if (cBit != 0) {
      log.add(clock.nowNs(), AccessLog.STRING_IO, 0, port, 0);
    }
    return cBit == 0;
  }

  @Override
  public long random() {
    return machine.random();
  }

  @Override
  public long tsc() {
    return clock.tsc();
  }
}
