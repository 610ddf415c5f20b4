package org.redoubt.x86.exec.silicon;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.redoubt.spec.x86.Gpr;
import org.redoubt.spec.x86.Rflags;
import org.redoubt.x86.decode.CodeSize;
import org.redoubt.x86.decode.Form;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.decode.Operand;
import org.redoubt.x86.decode.Trait;
import org.redoubt.x86.exec.Fpu;

/** One case: random operands for a form, run on both sides, and the differences. */
final class Trial {
  private static final int MIDDLE = 0x1000;
  private static final int WINDOW = 0x2000;

  /** What an instruction can reach by right; the rest of the window is compared now and then. */
  private static final int NEAR_FROM = MIDDLE - 0x600;

  private static final int NEAR_TO = MIDDLE + 0x600;
  private static final long STATUS =
      Rflags.CF | Rflags.PF | Rflags.AF | Rflags.ZF | Rflags.SF | Rflags.OF;

  /** FXSAVE image offsets. */
  private static final int FX_ST = 32;

  private static final int FX_XMM = 160;

  private final HostCpu host;
  private final GuestSide guest;

  private final long[] gpr = new long[16];

  /** The FXSAVE image to start from, and the host's after the instruction, as longs. */
  private final long[] fx = new long[HostCpu.FX_BYTES / 8];

  private final long[] out = new long[HostCpu.FX_BYTES / 8];

  /** Bits 255:128 of the YMM registers. */
  private final long[] upper = new long[32];

  private final long[] upperOut = new long[HostCpu.YMM_BYTES / 8];
  private long flags;
  private final long extraFlags;
  private Values v = new Values(0);
  private Form form;
  private Form.Choice choice = new Form.Choice();
  private byte[] bytes = {};
  private Insn insn;
  private long target;
  private final StringBuilder differences = new StringBuilder();

  /**
   * @param extraFlags bits of RFLAGS that are set in every case
   */
  Trial(HostCpu host, GuestSide guest, Form first, long extraFlags) {
    this.extraFlags = extraFlags;
    this.host = host;
    this.guest = guest;
    form = first;
    insn = guest.decode(new byte[] {(byte) 0x90}, CodeSize.BITS64);
    for (int i = 0; i < HostCpu.DATA_BYTES; i += 8) {
      long value = v.next();
      host.data().set(JAVA_LONG_UNALIGNED, i, value);
      guest.data().set(JAVA_LONG_UNALIGNED, i, value);
    }
  }

  /** Runs one case; an empty string, or what differs and how to repeat it. */
  String run(Form newForm, long seed) {
    String difference = once(newForm, seed);
    return !difference.isEmpty() && storesTraces(newForm.op()) ? once(newForm, seed) : difference;
  }

  /**
   * What these store depends on whether the host's kernel switched contexts in between: x87
   * pointers are lost, or a component counts as in use. It does not happen twice in a row.
   */
  private static boolean storesTraces(Op op) {
    return switch (op) {
      case FNSAVE, FNSTENV, XSAVE, XSAVEC, XSAVEOPT -> true;
      default -> false;
    };
  }

  private String once(Form newForm, long seed) {
    form = newForm;
    v = new Values(seed);
    prepare();
    insn = guest.decode(bytes, form.size());
    // Control and debug registers that do not exist.
    boolean none = insn.op == Op.INVALID && form.op().is(Trait.PRIVILEGED);
    // Gathers whose registers are not different.
    none |= insn.op == Op.INVALID && form.gathers();
    if ((insn.op != form.op() || insn.length != bytes.length) && !none) {
      return "decoded as " + insn + ", length " + insn.length + ": " + hex(bytes) + "\n";
    }
    load();
    host.code(bytes, form.size());
    host.run(form.size());
    guest.mode(form.size());
    guest.run(insn);
    differences.setLength(0);
    compare();
    if (differences.isEmpty()) {
      return "";
    }
    MemorySegment.copy(host.data(), 0, guest.data(), 0, WINDOW);
    return describe();
  }

  // --- choosing
  // ----------------------------------------------------------------------------------------------------

  private void prepare() {
    choice = new Form.Choice();
    choice.reg = v.below(form.wide() ? 16 : 8) | (v.oneIn(4) ? 16 : 0);
    choice.rm = v.below(form.wide() ? 16 : 8);
    choice.vexRegister = v.below(form.wide() ? 16 : 8);
    choice.immediateRegister = v.below(16);
    choice.shortVex = v.oneIn(2);
    choice.immediate = v.oneIn(2) ? v.next() : v.integer();
    choice.immediate2 = v.next();
    choice.lock = form.lockable() && v.oneIn(3);
    for (int i = 0; i < 16; i++) {
      gpr[i] = v.integer();
    }
    flags = (v.next() & STATUS) | Rflags.IF | Rflags.FIXED | extraFlags;
    target = HostCpu.DATA + MIDDLE - 0x100 + v.below(0x200);
    if (v.oneIn(2)) {
      target = target & -16;
    }
    implicit();
    if (form.absolute()) {
      choice.immediate = offset(target);
    }
    if (form.memory()) {
      address();
    }
    branch();
    bytes = form.encode(choice);
    if (form.relative()) {
      choice.immediate = (long) HostCpu.TAKEN - bytes.length;
      bytes = form.encode(choice);
    }
    if (!form.wide()) {
      for (int i = 0; i < 16; i++) {
        gpr[i] &= 0xffff_ffffL;
      }
    }
    floatState();
    operandMemory();
  }

  /** The offset of a linear address in the data segment. */
  private long offset(long address) {
    return address - HostCpu.dataBase(form.size());
  }

  /** The linear address of an offset in a register. */
  private long linear(long offset) {
    return form.size() == CodeSize.BITS16 ? HostCpu.DATA + (offset & 0xffff) : offset;
  }

  /** A value whose upper bits do not matter where addresses have sixteen. */
  private long pointer(long address) {
    return form.size() == CodeSize.BITS16 && !choice.addressPrefix
        ? offset(address) | v.next() << 16
        : offset(address);
  }

  private long stack() {
    return pointer(HostCpu.DATA + MIDDLE - 0x80 + 8L * v.below(32));
  }

  private boolean stackOp() {
    return switch (form.op()) {
      case PUSH, POP, PUSHA, POPA, PUSHF, POPF, ENTER, LEAVE, PUSH_SREG, CALL, RET -> true;
      default -> false;
    };
  }

  /** Registers that an operation uses without saying so. */
  private void implicit() {
    Op op = form.op();
    if (stackOp()) {
      gpr[Gpr.RSP] = stack();
      gpr[Gpr.RBP] = op == Op.ENTER || op == Op.LEAVE ? stack() : gpr[Gpr.RBP];
    }
    if (op.is(Trait.STRING)) {
      gpr[Gpr.RSI] = pointer(HostCpu.DATA + MIDDLE - 0x40 + v.below(0x80));
      gpr[Gpr.RDI] = pointer(HostCpu.DATA + MIDDLE - 0x40 + v.below(0x80));
      gpr[Gpr.RCX] = v.below(24);
      flags |= v.oneIn(2) ? Rflags.DF : 0;
    }
    switch (op) {
      case XLAT -> gpr[Gpr.RBX] = pointer(target);
      case MASKMOVQ, MASKMOVDQU -> gpr[Gpr.RDI] = pointer(target);
      case CLZERO -> gpr[Gpr.RAX] = pointer(target);
      case ENTER -> choice.immediate = v.below(0x300);
      case PCMPESTRI, PCMPESTRM -> {
        gpr[Gpr.RAX] = v.oneIn(4) ? v.integer() : v.below(40) - 20;
        gpr[Gpr.RDX] = v.oneIn(4) ? v.integer() : v.below(40) - 20;
      }
      case XSAVE, XSAVEC, XSAVEOPT, XRSTOR -> {
        gpr[Gpr.RAX] = v.below(8);
        gpr[Gpr.RDX] = 0;
        target = target & -64;
      }
      case FXSAVE, FXRSTOR -> target = v.oneIn(8) ? target : target & -16;
      case DIV, IDIV -> {
        if (!v.oneIn(4)) {
          int keep = v.below(3);
          gpr[Gpr.RDX] = keep == 0 ? 0 : keep == 1 ? gpr[Gpr.RAX] >> 63 : v.below(100);
        }
      }
      case VMASKMOVPS, VMASKMOVPD, VPMASKMOVD, VPMASKMOVQ -> {
        // What is masked need not be there.
        target = v.oneIn(8) ? HostCpu.DATA + HostCpu.DATA_BYTES - v.below(33) : target;
      }
      case CMPXCHG8B, CMPXCHG16B -> target = v.oneIn(8) ? target : target & -16;
      default -> {}
    }
    if (form.op() == Op.ENTER) {
      choice.immediate2 = v.below(64);
    }
  }

  /** Whether a register may not take part in the address, because its value is already bound. */
  private boolean bound(int register) {
    if (stackOp() && register == Gpr.RSP) {
      return true;
    }
    return switch (form.op()) {
      case BT, BTS, BTR, BTC -> register == (choice.reg & 15);
      case XSAVE, XSAVEC, XSAVEOPT, XRSTOR -> register == Gpr.RAX || register == Gpr.RDX;
      default -> false;
    };
  }

  private int addressRegister() {
    int r;
    do {
      r = v.below(form.wide() ? 16 : 8);
    } while (bound(r));
    return r;
  }

  /** A random way to say {@link #target}. */
  private void address() {
    boolean bitOffset =
        switch (form.op()) {
          case BT, BTS, BTR, BTC -> true;
          default -> false;
        };
    if (bitOffset) {
      gpr[choice.reg & 15] = v.below(0x1000) - 0x800L;
    }
    choice.addressPrefix = form.size() != CodeSize.BITS32 && v.oneIn(8);
    if (form.gathers()) {
      gatherAddress();
      return;
    }
    choice.idlePrefix = v.oneIn(8) ? new int[] {0x26, 0x36, 0x3e}[v.below(3)] : 0;
    if (form.size() == CodeSize.BITS16 && !choice.addressPrefix) {
      address16();
      return;
    }
    if (form.wide() && v.oneIn(8)) {
      choice.ripRelative = true;
      return;
    }
    if (v.oneIn(8)) {
      choice.displacement = (int) offset(target);
      choice.displacementBytes = 4;
      return;
    }
    choice.base = addressRegister();
    choice.displacementBytes = new int[] {0, 1, 1, 4}[v.below(4)];
    if ((choice.base & 7) == Gpr.RBP && choice.displacementBytes == 0) {
      choice.displacementBytes = 1;
    }
    choice.displacement =
        switch (choice.displacementBytes) {
          case 0 -> 0;
          case 1 -> (byte) v.next();
          default -> (int) v.next() >> v.below(20);
        };
    long rest = offset(target) - choice.displacement;
    if (v.oneIn(3)) {
      int index = addressRegister();
      if (index != Gpr.RSP && index != choice.base) {
        choice.index = index;
        choice.scale = v.below(4);
        rest -= gpr[index] << choice.scale;
      }
    }
    gpr[choice.base] = rest;
  }

  private void gatherAddress() {
    choice.addressPrefix |= form.size() == CodeSize.BITS16 && !v.oneIn(16);
    choice.base = addressRegister();
    choice.displacementBytes = 4;
    choice.displacement = (int) v.next() >> 8 + v.below(20);
    choice.index = v.below(form.wide() ? 16 : 8);
    choice.scale = v.below(4);
    gpr[choice.base] = offset(target) - choice.displacement;
  }

  /** Indexes that stay near, but for one now and then. */
  private void gatherIndexes() {
    long[] index = new long[4];
    for (int i = 0; i < 8; i++) {
      // Nothing is mapped at address zero.
      long wild = v.oneIn(64) ? -(offset(target) >> choice.scale) : 0;
      long value = wild != 0 ? wild : v.below(128) - 64;
      if (form.quadIndexes()) {
        index[i & 3] = value;
      } else {
        index[i >> 1] |= (value & 0xffff_ffffL) << (32 * (i & 1));
      }
    }
    int r = choice.index;
    put(FX_XMM + 16 * r, index[0]);
    put(FX_XMM + 16 * r + 8, index[1]);
    upper[2 * r] = index[2];
    upper[2 * r + 1] = index[3];
  }

  private static final int[] BASES_16 = {
    Gpr.RBX, Gpr.RBX, Gpr.RBP, Gpr.RBP, Gpr.RSI, Gpr.RDI, Gpr.RBP, Gpr.RBX
  };

  private void address16() {
    int rm;
    do {
      rm = v.below(8);
    } while (bound(BASES_16[rm]) || (rm < 4 && bound(rm % 2 == 0 ? Gpr.RSI : Gpr.RDI)));
    choice.address16 = rm;
    choice.displacementBytes = v.below(3);
    choice.displacement = (int) v.next();
    if (rm == 6 && choice.displacementBytes == 0) {
      choice.displacement = (int) offset(target);
      return;
    }
    int displacement =
        switch (choice.displacementBytes) {
          case 0 -> 0;
          case 1 -> (byte) choice.displacement;
          default -> choice.displacement;
        };
    long rest = offset(target) - displacement;
    if (rm < 4) {
      rest -= gpr[rm % 2 == 0 ? Gpr.RSI : Gpr.RDI];
    }
    gpr[BASES_16[rm]] = (rest & 0xffff) | v.next() << 16;
  }

  private void branch() {
    if (choice.ripRelative) {
      // The displacement counts from the end of the instruction, whose length does not depend on
      // it.
      choice.displacement = (int) (target - HostCpu.SLOT_64 - form.encode(choice).length);
    }
    if ((form.op() == Op.JMP || form.op() == Op.CALL) && !form.relative() && !form.memory()) {
      if (choice.rm == Gpr.RSP && form.op() == Op.CALL) {
        choice.rm = 0;
      }
      gpr[choice.rm] = landing();
    }
  }

  private long landing() {
    return HostCpu.slot(form.size()) - HostCpu.codeBase(form.size()) + HostCpu.TAKEN;
  }

  // --- floating-point state
  // --------------------------------------------------------------------------------------------

  private int kind;

  private long lanes() {
    return switch (kind) {
      case 0 -> v.integer();
      case 1 -> (v.single() & 0xffff_ffffL) | (long) v.single() << 32;
      default -> v.number();
    };
  }

  private void chooseKind() {
    String name = form.op().name().substring(form.op().isVexOnly() ? 1 : 0);
    int usual =
        name.endsWith("PS") || name.endsWith("SS")
            ? 1
            : name.endsWith("PD") || name.endsWith("SD") ? 2 : 0;
    if (name.startsWith("CVT") || name.startsWith("F")) {
      usual = v.below(3);
    }
    kind = v.oneIn(8) ? v.below(3) : usual;
  }

  private void floatState() {
    chooseKind();
    // Integer operations must leave it alone, whatever it is: the last case's will do.
    boolean used =
        form.op().is(Trait.SIMD) || form.op().is(Trait.FPU) || form.op().is(Trait.IMPLICIT_MEMORY);
    if (!used && fx[0] != 0) {
      return;
    }
    boolean sameSource = v.oneIn(16);
    long low = lanes();
    long high = lanes();
    for (int i = 0; i < 16; i++) {
      put(FX_XMM + 16 * i, sameSource ? low : lanes());
      put(FX_XMM + 16 * i + 8, sameSource ? high : lanes());
    }
    boolean clearUpper = v.oneIn(8);
    for (int i = 0; i < 32; i++) {
      upper[i] = clearUpper ? 0 : sameSource ? (i % 2 == 0 ? low : high) : lanes();
    }
    if (form.gathers()) {
      gatherIndexes();
    }
    int mxcsr = v.below(4) << 13 | 0x1f80;
    if (v.oneIn(2)) {
      mxcsr &= ~0x6000;
    }
    if (v.oneIn(4)) {
      mxcsr = (mxcsr & ~0x1f80) | v.below(64) << 7;
    }
    mxcsr |= v.oneIn(8) ? 0x40 : 0;
    mxcsr |= v.oneIn(8) ? 0x8000 : 0;
    mxcsr |= v.oneIn(32) ? 0x2_0000 : 0;
    mxcsr |= v.oneIn(2) ? v.below(64) : 0;
    put(24, mxcsr);
    x87State();
    if (saves() && v.oneIn(2)) {
      initialComponents();
    }
  }

  private boolean saves() {
    return switch (form.op()) {
      case XSAVE, XSAVEC, XSAVEOPT, XRSTOR, FXSAVE -> true;
      default -> false;
    };
  }

  /** What is in its initial state need not be saved. */
  private void initialComponents() {
    if (v.oneIn(2)) {
      Arrays.fill(fx, FX_XMM >> 3, 52, 0);
    }
    if (v.oneIn(2)) {
      Arrays.fill(upper, 0);
    }
    if (v.oneIn(2)) {
      put(24, 0x1f80);
    }
    if (v.oneIn(2)) {
      Arrays.fill(fx, 0, 3, 0);
      Arrays.fill(fx, FX_ST >> 3, FX_XMM >> 3, 0);
      put(0, 0x37f);
    }
  }

  private void x87State() {
    int control = v.below(4) << 10 | (v.oneIn(4) ? v.below(4) : 3) << 8 | 0x7f;
    boolean masked = !v.oneIn(4);
    if (!masked) {
      control = (control & ~0x3f) | v.below(64);
    }
    int top = v.below(8);
    int status = top << 11 | ((int) v.next() & 0x4700);
    status |= v.oneIn(4) && (masked || v.oneIn(8)) ? v.below(128) : 0;
    int tags =
        switch (v.below(4)) {
          case 0 -> 0xff;
          case 1 -> v.below(256);
          default -> 0xff & ~(1 << (top + 7 & 7)) & ~(1 << (top + 6 & 7));
        };
    put(0, control | (status & 0xffffL) << 16 | (long) tags << 32 | (v.next() & 0x7ff) << 48);
    put(8, v.next() >>> 17);
    put(16, v.next() >>> 17);
    for (int i = 0; i < 8; i++) {
      int signExponent = v.signExponent();
      long significand = v.significand(signExponent);
      put(FX_ST + 16 * i, significand);
      put(FX_ST + 16 * i + 8, signExponent);
    }
    x87Domain();
  }

  /** Operands for which the manual defines the function. */
  private void x87Domain() {
    int exponent = word(fx, FX_ST + 8) & 0x7fff;
    int sign = word(fx, FX_ST + 8) & 0x8000;
    boolean limited =
        switch (form.op()) {
          case F2XM1 -> exponent >= 0x3fff;
          case FYL2XP1 -> exponent >= 0x3ffd;
          default -> false;
        };
    if (limited && exponent != 0x7fff) {
      int below = form.op() == Op.F2XM1 ? 0x3ffe : 0x3ffc;
      put(FX_ST + 8, 0xffff & (sign | below - v.below(70)));
    }
  }

  // --- memory
  // ------------------------------------------------------------------------------------------------------

  private void poke(long address, long value) {
    long at = address - HostCpu.DATA;
    if (at > HostCpu.DATA_BYTES - 8) {
      return;
    }
    host.data().set(JAVA_LONG_UNALIGNED, at, value);
    guest.data().set(JAVA_LONG_UNALIGNED, at, value);
  }

  private void poke16(long address, int value) {
    long at = address - HostCpu.DATA;
    host.data().set(JAVA_SHORT_UNALIGNED, at, (short) value);
    guest.data().set(JAVA_SHORT_UNALIGNED, at, (short) value);
  }

  private void operandMemory() {
    if (stackOp()) {
      // POPF must set neither TF nor AC.
      poke(
          linear(gpr[Gpr.RSP]),
          form.op() == Op.RET ? landing() : v.next() & ~(Rflags.TF | Rflags.AC | Rflags.NT));
      if (form.op() == Op.LEAVE) {
        poke(linear(gpr[Gpr.RBP]), v.next());
      }
    }
    if (form.op().is(Trait.STRING) && v.oneIn(2)) {
      for (int i = -256; i < 256; i += 8) {
        poke(HostCpu.DATA + MIDDLE + i, v.oneIn(8) ? v.next() : 0x4141_4141_4141_4141L);
      }
    }
    if (!form.memory() && !form.absolute()) {
      return;
    }
    switch (form.op()) {
      case JMP, CALL -> poke(target, landing());
      case FLD -> {
        if (form.toString().contains(" Mt")) {
          int signExponent = v.signExponent();
          poke(target, v.significand(signExponent));
          poke16(target + 8, signExponent);
        } else {
          poke(target, form.toString().contains(" Md") ? v.single() : v.number());
        }
      }
      case FBLD -> {
        poke(target, decimal());
        poke16(target + 8, ((int) decimal() & 0xff) | (v.oneIn(2) ? 0x8000 : 0));
      }
      case LDMXCSR -> poke(target, v.next() & (v.oneIn(4) ? -1 : 0x2_ffff));
      case FXRSTOR -> {
        pokeImage();
        poke(target + 24, v.next() & (v.oneIn(4) ? -1 : 0x2_ffff));
      }
      case XRSTOR -> {
        pokeImage();
        poke(target + 24, v.next() & (v.oneIn(8) ? -1 : 0x2_ffff));
        poke(target + 512, v.oneIn(8) ? v.next() : v.below(8));
        poke(
            target + 520, v.oneIn(2) ? 0 : v.oneIn(8) ? v.next() : 1L << 63 | (v.oneIn(4) ? 3 : 7));
        for (int i = 576; i < 832; i += 8) {
          poke(target + i, v.next());
        }
        for (int i = 16; i < 64; i += 8) {
          poke(target + 512 + i, v.oneIn(64) ? v.next() : 0);
        }
      }
      case XSAVE, XSAVEC, XSAVEOPT -> {
        poke(target + 512, v.below(8));
        poke(target + 520, 0);
      }
      case FLDENV, FRSTOR -> {
        for (int i = 0; i < 112; i += 8) {
          poke(target + i, v.next());
        }
        if (!v.oneIn(4)) {
          poke16(target, 0x37f | v.below(4) << 10);
        }
      }
      default -> {
        long first = kind == 0 && v.oneIn(4) ? accumulator() : lanes();
        poke(target, first);
        for (int i = 8; i < (form.vex() ? form.vectorBytes() : 16); i += 8) {
          poke(target + i, lanes());
        }
      }
    }
  }

  /** What CMPXCHG compares with, so that it is equal now and then. */
  private long accumulator() {
    return form.op() == Op.CMPXCHG16B || form.op() == Op.CMPXCHG || v.oneIn(2)
        ? gpr[Gpr.RAX]
        : (gpr[Gpr.RAX] & 0xffff_ffffL) | gpr[Gpr.RDX] << 32;
  }

  private void pokeImage() {
    for (int i = 0; i < 512; i += 8) {
      poke(target + i, v.next());
    }
    if (!v.oneIn(4)) {
      poke16(target, 0x37f | v.below(4) << 10);
    }
  }

  private long decimal() {
    long r = 0;
    for (int i = 0; i < 16; i++) {
      r = r << 4 | v.below(10);
    }
    return v.oneIn(4) ? r & 0xffff : r;
  }

  // --- running
  // -----------------------------------------------------------------------------------------------------

  private void load() {
    for (int i = 0; i < 16; i++) {
      host.setGpr(i, gpr[i]);
      guest.cpu.r[i] = gpr[i];
    }
    host.setFlags(flags);
    guest.setFlags(flags);
    MemorySegment.copy(fx, 0, host.fxIn(), ValueLayout.JAVA_LONG, 0, fx.length);
    Fpu f = guest.cpu.fpu;
    f.control = word(0);
    f.setStatusWord(word(2));
    f.tags = word(fx, 4);
    f.lastOpcode = word(6);
    f.lastInstruction = get(fx, 8);
    f.lastData = get(fx, 16);
    f.lastCs = 0;
    f.lastDs = 0;
    f.setMxcsr((int) get(fx, 24));
    for (int i = 0; i < 8; i++) {
      int p = f.top + i & 7;
      f.significand[p] = get(fx, FX_ST + 16 * i);
      f.signExponent[p] = word(FX_ST + 16 * i + 8);
    }
    int used = 3;
    for (int i = 0; i < 32; i++) {
      f.xmm[i] = get(fx, FX_XMM + 8 * i);
      f.ymm[i] = upper[i];
      used |= upper[i] != 0 ? 4 : 0;
    }
    MemorySegment.copy(upper, 0, host.ymmIn(), ValueLayout.JAVA_LONG, 0, upper.length);
    host.setInUse(used);
  }

  private void put(int at, long value) {
    fx[at >> 3] = value;
  }

  private static long get(long[] image, int at) {
    return image[at >> 3];
  }

  private static int word(long[] image, int at) {
    return (int) (image[at >> 3] >>> (8 * (at & 7))) & 0xffff;
  }

  private int word(int at) {
    return word(fx, at);
  }

  // --- comparing
  // ---------------------------------------------------------------------------------------------------

  private void differ(String what, long hosts, long ours) {
    if (hosts != ours) {
      differences.append("  %s: silicon %x, we %x%n".formatted(what, hosts, ours));
    }
  }

  private void differ(String what, int index, long hosts, long ours) {
    if (hosts != ours) {
      differ(what + index, hosts, ours);
    }
  }

  private void compare() {
    differ("trap", host.trap(), guest.trap());
    boolean trapped = host.trap() >= 0;
    if (trapped && host.trap() == guest.trap()) {
      differ("fault rip", host.faultRip(), insn.rip);
      if (host.trap() == 13) {
        differ("error code", host.errorCode(), guest.errorCode());
      }
    }
    for (int i = 0; i < (form.wide() ? 16 : 8); i++) {
      long mask = form.wide() ? -1 : 0xffff_ffffL;
      differ("r", i, host.gpr(i) & mask, guest.cpu.r[i] & mask);
    }
    long mask = (STATUS | Rflags.DF) & ~(trapped ? 0 : Undefined.flags(insn, gpr));
    differ("flags", host.flags() & mask, guest.flags() & mask);
    if (!trapped && form.op().is(Trait.ENDS_BLOCK)) {
      differ("rip", host.taken() ? landing() : insn.next, guest.cpu.rip);
    }
    compareFloat();
    boolean everywhere = v.oneIn(16);
    int from = everywhere ? 0 : NEAR_FROM;
    int to = everywhere ? WINDOW : NEAR_TO;
    long at = MemorySegment.mismatch(host.data(), from, to, guest.data(), from, to);
    if (at >= 0) {
      at = Math.min(from + at, WINDOW - 16);
      for (long i = at; i < at + 16; i += 8) {
        differ(
            "memory %x".formatted(HostCpu.DATA + i),
            host.data().get(JAVA_LONG_UNALIGNED, i),
            guest.data().get(JAVA_LONG_UNALIGNED, i));
      }
    }
  }

  /** A context switch while no exception is pending loses x87 pointers, so zero says nothing. */
  private void differPointer(String what, long hosts, long ours) {
    if (hosts != 0) {
      differ(what, hosts, ours);
    }
  }

  private void compareFloat() {
    MemorySegment.copy(host.fxOut(), ValueLayout.JAVA_LONG, 0, out, 0, out.length);
    MemorySegment.copy(host.ymmOut(), ValueLayout.JAVA_LONG, 0, upperOut, 0, upperOut.length);
    Fpu f = guest.cpu.fpu;
    differ("fcw", word(out, 0), f.control);
    int loose = Exclusions.TOLERANCES.containsKey(form.op()) ? 0x200 : 0;
    int hostStatus = word(out, 2);
    differ("fsw", hostStatus & ~loose, f.statusWord() & ~loose);
    differ("ftw", word(out, 4) & 0xff, f.tags);
    if ((hostStatus & 0x80) != 0 && (f.statusWord() & 0x80) != 0) {
      differPointer("fop", word(out, 6), f.lastOpcode);
      if (form.wide()) {
        differPointer("fip", get(out, 8), f.lastInstruction);
        differPointer("fdp", get(out, 16), f.lastData);
      }
    }
    differ("mxcsr", get(out, 24) & 0xffff_ffffL, f.mxcsr());
    if (!sameX87(f)) {
      compareX87(f);
    }
    if (!sameVectors(f)) {
      compareVectors(f);
    }
  }

  private boolean sameX87(Fpu f) {
    long different = 0;
    for (int i = 0; i < 8; i++) {
      int p = f.top + i & 7;
      different |= get(out, FX_ST + 16 * i) ^ f.significand[p];
      different |= word(out, FX_ST + 16 * i + 8) ^ f.signExponent[p];
    }
    return different == 0;
  }

  private void compareX87(Fpu f) {
    for (int i = 0; i < 8; i++) {
      int p = f.top + i & 7;
      long hostSignificand = get(out, FX_ST + 16 * i);
      int hostSign = word(out, FX_ST + 16 * i + 8);
      if (!Undefined.near(
          form.op(), hostSign, hostSignificand, f.signExponent[p], f.significand[p])) {
        differ("st", i, hostSignificand, f.significand[p]);
        differ("sign and exponent of st", i, hostSign, f.signExponent[p]);
      }
    }
  }

  private boolean sameVectors(Fpu f) {
    if (!Arrays.equals(out, FX_XMM >> 3, (FX_XMM >> 3) + 32, f.xmm, 0, 32)) {
      return false;
    }
    long different = 0;
    for (int i = 0; i < 32; i += 2) {
      different |= upperOut[2 * i + 2] ^ f.ymm[i] | upperOut[2 * i + 3] ^ f.ymm[i + 1];
    }
    return different == 0 || !host.hasAvx();
  }

  private void compareVectors(Fpu f) {
    for (int i = 0; i < 32; i++) {
      long hosts = get(out, FX_XMM + 8 * i);
      if (!Undefined.near(form.op(), hosts, f.xmm[i])) {
        differ(i % 2 == 0 ? "low half of xmm" : "high half of xmm", i / 2, hosts, f.xmm[i]);
      }
      hosts = host.hasAvx() ? upperOut[i / 2 * 4 + 2 + i % 2] : f.ymm[i];
      if (!Undefined.near(form.op(), hosts, f.ymm[i])) {
        differ("bits %d of ymm".formatted(128 + i % 2 * 64), i / 2, hosts, f.ymm[i]);
      }
    }
  }

  // --- reporting
  // ---------------------------------------------------------------------------------------------------

  private static String hex(byte[] bytes) {
    return java.util.HexFormat.ofDelimiter(" ").formatHex(bytes);
  }

  private String describe() {
    StringBuilder s = new StringBuilder();
    s.append(hex(bytes)).append("   ").append(insn).append('\n').append(differences);
    s.append(
        "  before: flags %x mxcsr %x fcw %x fsw %x ftw %x%n"
            .formatted(flags, (int) get(fx, 24), word(0), word(2), word(fx, 4)));
    for (int i = 0; i < insn.operands(); i++) {
      Operand o = insn.operand(i);
      switch (o.kind) {
        case Operand.GPR, Operand.GPR_HIGH -> s.append("  r%d %x%n".formatted(o.reg, gpr[o.reg]));
        case Operand.XMM ->
            s.append(
                "  ymm%d %x %x %x %x%n"
                    .formatted(
                        o.reg,
                        upper[2 * o.reg + 1],
                        upper[2 * o.reg],
                        get(fx, FX_XMM + 16 * o.reg + 8),
                        get(fx, FX_XMM + 16 * o.reg)));
        case Operand.MEMORY -> s.append("  at %x%n".formatted(target));
        default -> {}
      }
    }
    if (form.op().is(Trait.FPU)) {
      for (int i = 0; i < 2; i++) {
        s.append("  st%d %x %x%n".formatted(i, word(FX_ST + 16 * i + 8), get(fx, FX_ST + 16 * i)));
      }
    }
    return s.toString();
  }
}
