package org.redoubt.cpu.interpreter.internal;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.cpu.CpuBus;
import org.redoubt.api.cpu.CpuConfig;
import org.redoubt.api.cpu.CpuEngine;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.cpu.CpuStats;
import org.redoubt.api.cpu.DebugStops;
import org.redoubt.api.cpu.Exit;
import org.redoubt.api.cpu.Mmu;
import org.redoubt.api.cpu.MmuConfig;
import org.redoubt.api.cpu.TlbLayout;
import org.redoubt.api.device.LocalApic;
import org.redoubt.api.device.VcpuSignal;
import org.redoubt.api.memory.MemoryClient;
import org.redoubt.api.memory.MemoryPort;
import org.redoubt.spec.x86.Dr;
import org.redoubt.spec.x86.Rflags;
import org.redoubt.spec.x86.Vector;
import org.redoubt.x86.decode.Decoder;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.exec.Breakpoints;
import org.redoubt.x86.exec.Cpu;
import org.redoubt.x86.exec.CpuModel;
import org.redoubt.x86.exec.GuestFault;
import org.redoubt.x86.exec.HostMemory;
import org.redoubt.x86.exec.Interrupts;
import org.redoubt.x86.exec.Mem;
import org.redoubt.x86.exec.SystemHooks;

/**
 * Tier 0: runs blocks of operation objects, one vCPU. Between blocks it looks at the stop flag; all
 * that others want of it (safepoints, interrupts, a stop) sets that flag.
 */
final class Interpreter implements CpuEngine, MemoryClient, VcpuSignal, SystemHooks {
  /** Longest block in instructions. */
  private static final int MAX_BLOCK = 48;

  private static final int MAX_CODE_PAGES = 6000;
  private static final int JUMP_CACHE = 1 << 12;

  private static final byte[] NOTHING = {};

  private final CpuConfig config;

  private final TlbBlock tlb = new TlbBlock();
  private final long stopFlag;
  private final MemoryPort port;
  private final Mmu mmu;
  private final Cpu cpu;
  private final LocalApic apic;
  private final CpuBus bus;
  private final Decoder decoder = new Decoder();
  private final NodeMaker nodes;
  private final CodeCache code = new CodeCache(MAX_CODE_PAGES);
  private final MsrFile msrs;
  private final LineFlush lines;

  /** The code page that each fetch entry of the TLB stands for. */
  private final @Nullable CodePage[] pageOfSlot = new CodePage[TlbLayout.BANKS * TlbLayout.ENTRIES];

  private final @Nullable Block[] jumpCache = new Block[JUMP_CACHE];
  private final byte[] bytes = new byte[4096 + Decoder.MAX_LENGTH];
  private final List<Insn> building = new ArrayList<>();

  // Set by any thread, then the stop flag.
  private volatile boolean stopRequested;
  private volatile boolean interruptSignalled;
  private volatile boolean initReceived;
  private volatile int startupVector = -1;

  /** An interrupt was seen that could not be delivered: look again when IF is set. */
  private boolean interruptWaiting;

  private boolean waitsForStartup;

  /** Event whose delivery was cut short by an exit; -1 if none. */
  private int pendingVector = -1;

  private long pendingError;
  private Interrupts.Source pendingSource = Interrupts.Source.FAULT;

  /** Changes by what the guest does only: not when a page is evicted. */
  private long translations;

  private int emptiedPages;
  private long[] emptied = new long[16];

  private long limit;

  /** From here on the limit might be overshot by a block. */
  private long blocksLimit;

  private @Nullable Exit exit;

  /** See {@link #countExactly}. */
  private boolean exact;

  /** The next instruction is to be executed by itself: it reaches devices, which see the time. */
  private boolean alone;

  private boolean inBlocks;

  /** What a debugger wants; blocks are made for it. */
  private DebugStops stops = DebugStops.NONE;

  /** What it wants from the next run on. */
  private volatile @Nullable DebugStops newStops;

  // Counters. Written by the vCPU's thread only.
  private long instructions;
  private long blocks;
  private long decoded;
  private long fetchMisses;
  private long pageFaults;
  private long interrupts;
  private final long[] exceptions = new long[32];
  private final Map<Op, Long> unsupported = new EnumMap<>(Op.class);
  private String lastUnsupported = "";
  private final Map<Exit.Kind, Long> exits = new EnumMap<>(Exit.Kind.class);

  Interpreter(CpuConfig config, CpuModel model) {
    this.config = config;
    stopFlag = tlb.stopFlag();
    port = config.memory().attach(this);
    apic = config.apic();
    int reduction = config.cBit() == 0 ? 0 : 5;
    MmuConfig mmuConfig =
        new MmuConfig(
            port,
            tlb.segment(),
            config.nested(),
            config.asid(),
            config.cBit(),
            model.physicalBits() - reduction);
    mmu = config.mmu().create(mmuConfig);
    bus = new ParkingBus(config.bus(), port, this::beforeDevice);
    cpu = new Cpu(model, tlb.segment(), mmu, bus, this);
    cpu.encryptionMask = config.cBit() == 0 ? 0 : 1L << config.cBit();
    nodes = new NodeMaker(cpu);
    lines = new LineFlush(config.memory(), port);
    msrs = new MsrFile(model);
    apic.connect(this);
    waitsForStartup = config.index() != 0;
    cpu.pagingChanged();
  }

  // Signals: any thread

  private void raiseStop() {
    tlb.raiseStop();
  }

  @Override
  public void requestStop() {
    stopRequested = true;
    raiseStop();
  }

  @Override
  public void requestSafepoint() {
    raiseStop();
  }

  @Override
  public void interrupt() {
    interruptSignalled = true;
    raiseStop();
  }

  @Override
  public void init() {
    initReceived = true;
    raiseStop();
  }

  @Override
  public void startup(int vector) {
    startupVector = vector;
    raiseStop();
  }

  // MemoryClient: while parked, or inside a call of the port

  @Override
  public void revoke(long[] hostPages, int count) {
    tlb.revoke(hostPages, count);
    cpu.translationChanged();
  }

  @Override
  public void revokeAll() {
    tlb.revokeAll();
    cpu.translationChanged();
  }

  @Override
  public void contentsChanged(long spa, long length) {
    code.changed(spa, length);
    if (emptiedPages < emptied.length) {
      emptied[emptiedPages++] = spa;
    }
  }

  private void unwatchEmptied() {
    while (emptiedPages > 0) {
      code.unwatchIfEmpty(emptied[--emptiedPages], port);
    }
  }

  // Running

  @Override
  public Exit run(long budget) {
    long start = instructions;
    limit = budget > Long.MAX_VALUE - start ? Long.MAX_VALUE : start + budget;
    blocksLimit = exact ? limit - MAX_BLOCK : limit;
    exit = null;
    port.enter();
    try {
      takeStops();
      Exit result = runUntilExit();
      exits.merge(result.kind(), 1L, Long::sum);
      return result;
    } finally {
      port.leave();
    }
  }

  private Exit runUntilExit() {
    while (true) {
      Exit now = service();
      if (now != null) {
        return now;
      }
      if (stops.step()) {
        debugStep();
      } else if (alone || instructions >= blocksLimit || needsSteps()) {
        alone = false;
        step();
      } else {
        inBlocks = true;
        runBlocks();
        inBlocks = false;
      }
      Exit after = exit;
      if (after != null) {
        exit = null;
        return after;
      }
    }
  }

  /** What the stop flag may stand for; null to run on. */
  private @Nullable Exit service() {
    tlb.clearStop();
    port.safepoint();
    unwatchEmptied();
    if (cpu.watchHit != 0) {
      return watchExit();
    }
    if (stopRequested) {
      stopRequested = false;
      return Exit.of(Exit.Kind.STOPPED);
    }
    if (initReceived || waitsForStartup) {
      Exit wait = startUp();
      if (wait != null) {
        return wait;
      }
    }
    if (instructions >= limit) {
      return Exit.of(Exit.Kind.BUDGET);
    }
    if (pendingVector >= 0) {
      int vector = pendingVector;
      pendingVector = -1;
      return deliver(vector, pendingError, pendingSource);
    }
    if ((interruptSignalled || interruptWaiting) && (!stops.step() || cpu.halted)) {
      long before = interrupts;
      Exit now = serviceInterrupts();
      if (now != null) {
        return now;
      }
      if (stops.step() && interrupts != before) {
        return stepExit();
      }
    }
    if (cpu.halted) {
      return Exit.of(Exit.Kind.HALT);
    }
    return null;
  }

  private @Nullable Exit startUp() {
    if (initReceived) {
      initReceived = false;
      cpu.reset();
      cpu.pagingChanged();
      waitsForStartup = config.index() != 0;
    }
    if (!waitsForStartup) {
      return null;
    }
    int vector = startupVector;
    if (vector < 0) {
      return Exit.of(Exit.Kind.INIT);
    }
    startupVector = -1;
    waitsForStartup = false;
    org.redoubt.x86.exec.SegmentCache cs = cpu.seg[org.redoubt.spec.x86.Seg.CS];
    cs.selector = vector << 8;
    cs.base = (long) vector << 12;
    cpu.rip = 0;
    cpu.modeChanged();
    return null;
  }

  private @Nullable Exit serviceInterrupts() {
    interruptSignalled = false;
    if (cpu.interruptShadow) {
      cpu.interruptShadow = false;
      interruptWaiting = true;
      if (!cpu.halted) {
        step();
        Exit after = exit;
        exit = null;
        if (after != null) {
          return after;
        }
      }
    }
    interruptWaiting = false;
    if (!cpu.nmiBlocked && apic.takeNmi()) {
      cpu.nmiBlocked = true;
      cpu.halted = false;
      interrupts++;
      return deliver(Vector.NMI, 0, Interrupts.Source.EXTERNAL);
    }
    if (!apic.pending()) {
      return null;
    }
    if ((cpu.systemFlags & Rflags.IF) == 0) {
      interruptWaiting = true;
      return null;
    }
    int vector = apic.acknowledge();
    if (vector < 0) {
      return null;
    }
    cpu.halted = false;
    interrupts++;
    // More may wait behind this one.
    interruptWaiting = true;
    return deliver(vector, 0, Interrupts.Source.EXTERNAL);
  }

  private boolean interruptable() {
    return interruptWaiting && (cpu.systemFlags & Rflags.IF) != 0;
  }

  private boolean needsSteps() {
    return (cpu.systemFlags & Rflags.TF) != 0 || (cpu.dr[7] & Dr.DR7_ENABLES) != 0;
  }

  // Exact counting

  @Override
  public boolean countExactly() {
    exact = true;
    cpu.fixedPieces = true;
    return true;
  }

  @Override
  public long retired() {
    return instructions;
  }

  /** Whether an instruction has to find {@link #instructions} up to date, memory aside. */
  private static boolean seesTime(Insn in) {
    return switch (in.op) {
      case RDTSC, RDTSCP, RDPMC, IN, OUT, INS, OUTS, RDMSR, WRMSR, VMCALL, VMMCALL, MOV_CR, HLT ->
          true;
      default -> false;
    };
  }

  /**
   * An access to a device's memory in the middle of a block: nothing of the instruction has
   * happened yet, so it is executed again, alone.
   */
  private void beforeDevice() {
    if (exact && inBlocks) {
      alone = true;
      throw cpu.retry();
    }
  }

  // Debugger

  @Override
  public boolean debug(DebugStops wanted) {
    newStops = wanted;
    return true;
  }

  /** Blocks end before breakpoints, and while something is watched have one instruction each. */
  private void takeStops() {
    DebugStops wanted = newStops;
    if (wanted == null) {
      return;
    }
    newStops = null;
    boolean sameBlocks =
        wanted.breakpoints().equals(stops.breakpoints())
            && wanted.watches().isEmpty() == stops.watches().isEmpty();
    stops = wanted;
    cpu.watch(wanted.watches());
    if (!sameBlocks) {
      code.clear(port);
    }
  }

  private boolean breaksAt(long gva) {
    return !stops.breakpoints().isEmpty() && stops.breakpoints().contains(gva);
  }

  private void debugStep() {
    step();
    if (exit == null) {
      exit = cpu.watchHit != 0 ? watchExit() : stepExit();
    }
  }

  private static Exit stepExit() {
    return new Exit(Exit.Kind.DEBUG, DebugStops.STEP, 0, "");
  }

  private Exit watchExit() {
    DebugStops.Watch hit = stops.watches().get(cpu.watchHit - 1);
    cpu.watchHit = 0;
    return new Exit(Exit.Kind.DEBUG, DebugStops.WATCH, hit.gva(), "");
  }

  /** The hot loop: until the stop flag, the limit, a fault, or something unusual. */
  private void runBlocks() {
    Block block = find();
    if (block == null) {
      return;
    }
    while (true) {
      Node[] list = block.nodes;
      cpu.rip = block.end;
      int i = 0;
      try {
        for (; i < list.length; i++) {
          list[i].exec(cpu);
        }
      } catch (GuestFault fault) {
        faulted(block, i, fault);
        return;
      }
      instructions += block.count;
      blocks++;
      if (HostMemory.get32(stopFlag) != 0
          || instructions >= blocksLimit
          || interruptWaiting && (cpu.systemFlags & Rflags.IF) != 0
          || cpu.halted) {
        return;
      }
      Block next = successor(block);
      if (next == null) {
        return;
      }
      block = next;
    }
  }

  /** The block at RIP, by the links of the block before it; null if a fault was delivered. */
  private @Nullable Block successor(Block block) {
    long rip = cpu.rip;
    long context = cpu.context();
    Block next = block.next;
    if (next != null && next.rip == rip && next.context == context) {
      return next;
    }
    Block other = block.other;
    if (other != null && other.rip == rip && other.context == context) {
      block.other = next;
      block.next = other;
      return other;
    }
    return needsSteps() ? null : link(block);
  }

  private @Nullable Block link(Block block) {
    Block found = find();
    if (found != null) {
      block.other = block.next;
      block.next = found;
    }
    return found;
  }

  /** The block at RIP; null if the fetch faulted, and the fault was delivered or is an exit. */
  private @Nullable Block find() {
    long rip = cpu.rip;
    int slot = (int) (rip ^ rip >>> 12) & (JUMP_CACHE - 1);
    Block cached = jumpCache[slot];
    if (cached != null && cached.rip == rip && cached.context == cpu.context()) {
      return cached;
    }
    Block found;
    try {
      found = lookUp(rip);
    } catch (GuestFault fault) {
      raised(fault);
      return null;
    }
    if (found.crossing.length == 0) {
      found.context = cpu.context();
      jumpCache[slot] = found;
    }
    return found;
  }

  private Block lookUp(long rip) {
    CodePage page = page(linear(rip));
    Block block = page.find(page.offset(rip));
    if (block == null) {
      block = build(page, rip);
      page.add(block);
    } else if (block.crossing.length != 0 && !sameCrossing(block)) {
      page.remove(block);
      block = build(page, rip);
      page.add(block);
    }
    return block;
  }

  private Block build(CodePage page, long rip) {
    Block block = build(page, rip, stops.watches().isEmpty() ? MAX_BLOCK : 1);
    long gva = linear(rip);
    if (!breaksAt(gva)) {
      return block;
    }
    Node[] list = new Node[block.nodes.length + 1];
    list[0] = new BreakNode(building.getFirst(), gva);
    System.arraycopy(block.nodes, 0, list, 1, block.nodes.length);
    return new Block(page, list, block.count, rip, block.end, block.crossing);
  }

  /** Linear address of an offset in CS: #GP beyond the limit. */
  private long linear(long rip) {
    if (cpu.codeSize == org.redoubt.x86.decode.CodeSize.BITS64) {
      return rip;
    }
    org.redoubt.x86.exec.SegmentCache cs = cpu.seg[org.redoubt.spec.x86.Seg.CS];
    if (rip > cs.limit) {
      throw cpu.generalProtection();
    }
    return cs.base + rip & 0xffff_ffffL;
  }

  private long codeBase() {
    return cpu.codeSize == org.redoubt.x86.decode.CodeSize.BITS64
        ? 0
        : cpu.seg[org.redoubt.spec.x86.Seg.CS].base;
  }

  /** The code page of a linear address, through the fetch side of the TLB. */
  private CodePage page(long gva) {
    long gvaPage = gva & -4096L;
    long entry = TlbLayout.entry(cpu.bank, gva);
    int slot = TlbBlock.slot(entry);
    CodePage page = pageOfSlot[slot];
    if (page != null
        && tlb.fetches(entry, gvaPage)
        && page.key.gvaPage() == gvaPage
        && page.key.size() == cpu.codeSize
        && page.key.codeBase() == codeBase()
        && !page.isDropped()) {
      return page;
    }
    fetchFill(gva);
    CodePage.Key key =
        new CodePage.Key(mmu.spa() & -4096L, mmu.tag(), gvaPage, codeBase(), cpu.codeSize);
    page = code.find(key);
    if (page == null) {
      page = code.make(key, port);
      // Watching may have taken the entry away.
      fetchFill(gva);
    }
    pageOfSlot[slot] = page;
    return page;
  }

  private void fetchFill(long gva) {
    // The slot's page is known only after it was looked up: a fill for the second page of an
    // instruction must not bring one of another process back.
    pageOfSlot[TlbBlock.slot(TlbLayout.entry(cpu.bank, gva))] = null;
    fetchMisses++;
    int result = mmu.fill(gva, Mmu.FETCH, cpu.bank);
    if (result == Mmu.MMIO) {
      throw cpu.leave(
          new Exit(Exit.Kind.UNSUPPORTED, 0, mmu.gpa(), "Instruction fetch from a device"));
    }
    if (result != Mmu.FILLED && result != Mmu.FILLED_WATCHED) {
      throw Mem.unfilled(cpu, gva, result);
    }
  }

  /** Copies code bytes from a linear address to the end of its page; says how many. */
  private int copyCode(long gva, int offset) {
    long entry = TlbLayout.entry(cpu.bank, gva);
    if (!tlb.fetches(entry, gva & -4096L)) {
      fetchFill(gva);
    }
    int length = Math.min(4096 - (int) (gva & 0xfff), bytes.length - offset);
    long host = gva + tlb.addend(entry);
    HostMemory.copyOut(host, bytes, offset, length);
    return length;
  }

  private Block build(CodePage page, long rip, int max) {
    building.clear();
    int length = copyCode(linear(rip), 0);
    long at = rip;
    byte[] crossing = NOTHING;
    while (building.size() < max) {
      if (!building.isEmpty() && breaksAt(codeBase() + at)) {
        break;
      }
      int offset = (int) (at - rip);
      Insn in = decoder.decode(bytes, offset, length, cpu.codeSize, at);
      if (decoder.truncated()) {
        if (!building.isEmpty()) {
          break;
        }
        long second = linear(rip + length);
        int more = Math.min(copyCode(second, length), Decoder.MAX_LENGTH);
        in = decoder.decode(bytes, 0, length + more, cpu.codeSize, at);
        crossing = java.util.Arrays.copyOfRange(bytes, length, Math.max(length, in.length));
      }
      boolean byItself = exact && seesTime(in);
      if (byItself && !building.isEmpty()) {
        break;
      }
      building.add(in);
      at = in.next;
      if (byItself
          || NodeMaker.endsBlock(in)
          || crossing.length > 0
          || (int) (at - rip) >= length) {
        break;
      }
    }
    decoded += building.size();
    return new Block(page, nodes.make(building), building.size(), rip, at, crossing);
  }

  private boolean sameCrossing(Block block) {
    int first = (int) (block.end - block.rip) - block.crossing.length;
    copyCode(linear(block.rip + first), 0);
    return java.util.Arrays.equals(
        bytes, 0, block.crossing.length, block.crossing, 0, block.crossing.length);
  }

  // Faults and events

  private void faulted(Block block, int index, GuestFault fault) {
    Node node = block.nodes[index];
    instructions += node.before;
    if (node.in.rep == Insn.REP_NONE) {
      cpu.watchHit = 0; // it will be made again
    }
    if (fault.isInNewTask()) {
      instructions++;
      raised(fault);
      return;
    }
    cpu.rip = node.in.rip;
    if (fault.isNonCanonical() && StackUse.of(node.in)) {
      fault = cpu.raise(Vector.SS, 0);
    }
    raised(fault);
  }

  /** RIP is at the instruction that raised it. */
  private void raised(GuestFault fault) {
    switch (fault.vector()) {
      case GuestFault.RETRY -> {}
      case GuestFault.EXIT -> exit = fault.exit();
      default -> exit = deliver(fault, source(fault));
    }
  }

  private static Interrupts.Source source(GuestFault fault) {
    return fault.isTrap() ? Interrupts.Source.TRAP : Interrupts.Source.FAULT;
  }

  private @Nullable Exit deliver(GuestFault fault, Interrupts.Source source) {
    if (fault.vector() == Vector.PF) {
      cpu.cr2 = fault.faultAddress();
      pageFaults++;
    }
    return deliver(fault.vector(), fault.errorCode(), source);
  }

  /** Delivers an event, and what its delivery raises; the triple fault is an exit. */
  private @Nullable Exit deliver(int vector, long error, Interrupts.Source source) {
    int now = vector;
    long nowError = error;
    Interrupts.Source nowSource = source;
    while (true) {
      if (nowSource != Interrupts.Source.EXTERNAL && now < 32) {
        exceptions[now]++;
      }
      try {
        Interrupts.deliver(cpu, now, nowError, nowSource);
        return null;
      } catch (GuestFault fault) {
        if (fault.vector() < 0) {
          pendingVector = now;
          pendingError = nowError;
          pendingSource = nowSource;
          return fault.vector() == GuestFault.EXIT ? fault.exit() : null;
        }
        if (now == Vector.DF && nowSource != Interrupts.Source.EXTERNAL) {
          return new Exit(Exit.Kind.SHUTDOWN, 0, 0, "Triple fault" + suspicion());
        }
        boolean exception = nowSource != Interrupts.Source.EXTERNAL;
        boolean twice = exception && makesDoubleFault(now, fault.vector());
        if (fault.vector() == Vector.PF) {
          cpu.cr2 = fault.faultAddress();
        }
        now = twice ? Vector.DF : fault.vector();
        nowError = twice ? 0 : fault.errorCode();
        nowSource = twice ? Interrupts.Source.FAULT : source(fault);
      }
    }
  }

  /** What may have led to a guest's end; nothing is told of an encrypted guest's code. */
  private String suspicion() {
    return lastUnsupported.isEmpty() || config.cBit() != 0
        ? ""
        : ", the last unsupported instruction was " + lastUnsupported;
  }

  /** APM Vol. 2, Table 8-4. */
  private static boolean makesDoubleFault(int first, int second) {
    return Vector.isContributory(first) && Vector.isContributory(second)
        || first == Vector.PF && (second == Vector.PF || Vector.isContributory(second));
  }

  // One instruction at a time: single-stepping, breakpoints, interrupt shadows

  private void step() {
    boolean trap = (cpu.systemFlags & Rflags.TF) != 0;
    long rip = cpu.rip;
    Block block;
    try {
      if (!stops.step() && breaksAt(linear(rip))) {
        throw cpu.leave(BreakNode.exit(linear(rip)));
      }
      if (Breakpoints.atInstruction(cpu, linear(rip))) {
        throw cpu.raise(Vector.DB);
      }
      CodePage page = page(linear(rip));
      block = build(page, rip, 1);
    } catch (GuestFault fault) {
      raised(fault);
      return;
    }
    int resume = cpu.systemFlags & Rflags.RF;
    cpu.systemFlags &= ~Rflags.RF;
    cpu.rip = block.end;
    cpu.breakpointsHit = 0;
    try {
      if (block.nodes.length > 0) {
        block.nodes[0].exec(cpu);
      }
    } catch (GuestFault fault) {
      faulted(block, 0, fault);
      return;
    }
    instructions++;
    if (cpu.rip == rip && block.nodes.length > 0 && block.nodes[0].in.rep != Insn.REP_NONE) {
      // Not done yet: an instruction breakpoint on it was met already.
      cpu.systemFlags |= resume;
    }
    long cause = cpu.breakpointsHit | (trap ? Dr.DR6_BS : 0);
    if (cause != 0) {
      cpu.breakpointsHit = 0;
      cpu.dr[6] |= cause;
      exit = deliver(Vector.DB, 0, Interrupts.Source.TRAP);
    }
  }

  // SystemHooks

  @Override
  public long tsc() {
    return bus.tsc();
  }

  @Override
  public long random() {
    return bus.random();
  }

  @Override
  public int cr8() {
    return apic.cr8();
  }

  @Override
  public void setCr8(int value) {
    apic.setCr8(value);
    interruptWaiting = true;
  }

  @Override
  public boolean readMsr(int msr, long[] value) {
    return bus.readMsr(msr, value) || msrs.read(msr, value);
  }

  @Override
  public boolean writeMsr(int msr, long value) {
    return bus.writeMsr(msr, value) || msrs.write(msr, value);
  }

  @Override
  public void translationChanged() {
    translations++;
    cpu.translationChanged();
  }

  @Override
  public void flushCaches() {
    port.leave();
    try {
      config.memory().wbinvd(config.asid());
    } finally {
      port.enter();
    }
  }

  @Override
  public void flushLine(long gva) {
    lines.flush(cpu, gva, translations);
  }

  @Override
  public int alone(java.util.function.IntSupplier action) {
    return port.alone(action);
  }

  @Override
  public void unsupported(Insn in) {
    unsupported.merge(in.op, 1L, Long::sum);
    lastUnsupported = in + " at " + Long.toHexString(in.rip);
  }

  // State

  @Override
  public void exportState(CpuState target) {
    StateCopy.export(cpu, target);
    msrs.export(target.msr);
  }

  @Override
  public void importState(CpuState source) {
    StateCopy.check(source);
    StateCopy.copyIn(cpu, source);
    msrs.takeOver(source.msr);
    pendingVector = -1;
    waitsForStartup = false;
    interruptWaiting = true;
    mmu.invalidateAll();
    cpu.pagingChanged();
    cpu.translationChanged();
  }

  @Override
  public CpuStats stats() {
    Map<String, Long> causes = new TreeMap<>();
    for (Map.Entry<Exit.Kind, Long> e : Map.copyOf(exits).entrySet()) {
      causes.put(e.getKey().name(), e.getValue());
    }
    for (int i = 0; i < exceptions.length; i++) {
      if (exceptions[i] != 0) {
        causes.put("exception " + i, exceptions[i]);
      }
    }
    for (Map.Entry<Op, Long> e : Map.copyOf(unsupported).entrySet()) {
      causes.put("unsupported " + e.getKey(), e.getValue());
    }
    return new CpuStats(instructions, blocks, decoded, fetchMisses, pageFaults, interrupts, causes);
  }

  @Override
  public void close() {
    code.clear(port);
    port.close();
  }
}
