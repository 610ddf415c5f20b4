package org.redoubt.testkit.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.redoubt.api.cpu.Mmu.FETCH;
import static org.redoubt.api.cpu.Mmu.FILLED;
import static org.redoubt.api.cpu.Mmu.FILLED_WATCHED;
import static org.redoubt.api.cpu.Mmu.MMIO;
import static org.redoubt.api.cpu.Mmu.NESTED_PAGE_FAULT;
import static org.redoubt.api.cpu.Mmu.NOT_CANONICAL;
import static org.redoubt.api.cpu.Mmu.PAGE_FAULT;
import static org.redoubt.api.cpu.Mmu.READ;
import static org.redoubt.api.cpu.Mmu.SUSPENDED;
import static org.redoubt.api.cpu.Mmu.WRITE;
import static org.redoubt.api.cpu.TlbLayout.BANK_SUPERVISOR;
import static org.redoubt.api.cpu.TlbLayout.BANK_SUPERVISOR_AC;
import static org.redoubt.api.cpu.TlbLayout.BANK_USER;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.redoubt.api.cpu.Mmu;
import org.redoubt.api.cpu.MmuConfig;
import org.redoubt.api.cpu.MmuFactory;
import org.redoubt.api.cpu.NestedPaging;
import org.redoubt.api.cpu.TlbLayout;
import org.redoubt.spec.x86.Cr0;
import org.redoubt.spec.x86.Cr4;
import org.redoubt.spec.x86.Efer;
import org.redoubt.spec.x86.Pte;

/**
 * The exam of an {@link Mmu}: extend it, supply the factory. It walks hand-made tables in plain
 * memory and compares with what the manual says, in every paging mode.
 *
 * <p>What a vendor must implement: {@link Mmu#fill} with the results and error codes of APM Vol. 2,
 * 8.4.2 and 15.25.6 (permissions of all levels, WP, SMEP, SMAP, NX, protection keys, reserved bits,
 * canonical addresses), accessed and dirty bits by atomic exchange, entries of {@link TlbLayout}
 * that grant no more than the walk did, the C-bit of APM Vol. 2, 15.34.5, nested tables, and
 * flushes that leave nothing stale. Who flushes more than the architecture asks for passes too.
 */
@Timeout(300)
public abstract class MmuContract {
  private static final int PHYSICAL_BITS = 40;
  private static final int C_BIT = 47;
  private static final int ASID = 5;
  private static final long RAM = 16L << 20;

  private static final long P = Pte.P;
  private static final long RW = Pte.RW;
  private static final long US = Pte.US;
  private static final long ALL = P | RW | US;

  /** The tables, top first: TABLE + level * 4096. */
  private static final long TABLE = 0x10_0000;

  private static final long OFFSET = PagingShape.OFFSET;

  private final Arena arena = Arena.ofConfined();

  @SuppressWarnings("NullAway.Init") // set before each test
  private RecordingPort port;

  @SuppressWarnings("NullAway.Init") // set before each test
  private MemorySegment block;

  @SuppressWarnings("NullAway.Init") // set before each test
  private Mmu mmu;

  /** Makes the factory under test; called once per test or more often. */
  protected abstract MmuFactory factory();

  @BeforeEach
  final void make() {
    port = new RecordingPort(arena, RAM);
    block = arena.allocate(TlbLayout.BYTES, 64);
    mmu = plain();
  }

  @AfterEach
  final void close() {
    arena.close();
  }

  private Mmu plain() {
    return make(new MmuConfig(port, block, NestedPaging.OFF, 0, 0, PHYSICAL_BITS));
  }

  private Mmu encrypted(NestedPaging nested) {
    return make(new MmuConfig(port, block, nested, ASID, C_BIT, PHYSICAL_BITS));
  }

  private Mmu make(MmuConfig config) {
    return factory().create(config);
  }

  private long tag(int bank, long gva, long which) {
    return block.get(ValueLayout.JAVA_LONG, TlbLayout.entry(bank, gva) + which);
  }

  private boolean inTlb(int bank, long gva, long which) {
    return tag(bank, gva, which) == (gva & -4096L);
  }

  // Tables in each mode

  private long entrySpa(PagingShape shape, int level) {
    return TABLE + (level - 1) * 4096L + shape.bytes;
  }

  private void putEntry(PagingShape shape, int level, long entry) {
    long spa = entrySpa(shape, level);
    if (shape.wide()) {
      port.set(spa, entry);
    } else {
      port.ram.set(ValueLayout.JAVA_INT, spa, (int) entry);
    }
  }

  private long entry(PagingShape shape, int level) {
    long spa = entrySpa(shape, level);
    return shape.wide() ? port.get(spa) : port.ram.get(ValueLayout.JAVA_INT, spa) & 0xffff_ffffL;
  }

  /** What an entry points to, without permissions. */
  private long target(PagingShape shape, int level) {
    if (level == shape.leaf) {
      return shape.frame() | (level > 1 ? Pte.PS : 0);
    }
    return TABLE + (level - 2) * 4096L;
  }

  private static final long CR3 = TABLE + 0x8000;

  /** Builds the tables with one set of permissions for all levels, and sets the registers. */
  private void build(PagingShape shape, long permissions) {
    for (int level = shape.leaf; level <= shape.top; level++) {
      putEntry(shape, level, target(shape, level) | permissions);
    }
  }

  private long cr3(PagingShape shape) {
    if (shape.wide() && !shape.longMode()) {
      // PDPTE 0 of the PAE modes; the shape's gva has bits 31:30 clear.
      port.set(CR3, TABLE + (shape.top - 1) * 4096L | P);
      return CR3;
    }
    return TABLE + (shape.top - 1) * 4096L;
  }

  private void enter(PagingShape shape, long cr0, long cr4, long efer) {
    mmu.setPaging(Cr0.PE | Cr0.PG | cr0, cr3(shape), shape.cr4 | cr4, shape.efer | efer);
  }

  // Permissions

  @Test
  final void shouldGrantWhatEveryLevelGrantsInEveryMode() {
    int cases = 0;
    for (PagingShape shape : PagingShape.values()) {
      int levels = shape.top - shape.leaf + 1;
      // Each level lacks nothing, RW, US, or has NX; all combinations over the levels.
      for (int pattern = 0; pattern < 1 << 2 * levels; pattern++) {
        boolean rw = true;
        boolean us = true;
        boolean nx = false;
        long[] entries = new long[shape.top + 1];
        for (int i = 0; i < levels; i++) {
          int lack = pattern >> 2 * i & 3;
          long bits = lack == 1 ? P | US : lack == 2 ? P | RW : ALL;
          rw &= lack != 1;
          us &= lack != 2;
          if (lack == 3 && shape.wide()) {
            bits |= Pte.NX;
            nx = true;
          }
          int level = shape.leaf + i;
          entries[level] = target(shape, level) | bits;
        }
        for (int controls = 0; controls < 16; controls++) {
          boolean wp = (controls & 1) != 0;
          boolean smep = (controls & 2) != 0;
          boolean smap = (controls & 4) != 0;
          boolean nxe = (controls & 8) != 0;
          if (nx && !nxe) {
            continue; // NX is a reserved bit then: another test
          }
          for (int bank = 0; bank < TlbLayout.BANKS; bank++) {
            for (int access = READ; access <= FETCH; access++) {
              for (int level = shape.leaf; level <= shape.top; level++) {
                putEntry(shape, level, entries[level]);
              }
              enter(
                  shape,
                  wp ? Cr0.WP : 0,
                  (smep ? Cr4.SMEP : 0) | (smap ? Cr4.SMAP : 0),
                  nxe ? Efer.NXE : 0);
              long expected =
                  manual(access, bank, rw, us, nx, wp, smep, smap)
                      ? -1
                      : 1
                          | (access == WRITE ? 2 : 0)
                          | (bank == BANK_USER ? 4 : 0)
                          | (access == FETCH && (smep || (nxe && shape.wide())) ? 16 : 0);
              int result = mmu.fill(shape.gva(), access, bank);
              String what =
                  "%s pattern %x controls %x bank %d access %d"
                      .formatted(shape, pattern, controls, bank, access);
              if (expected == -1) {
                assertEquals(FILLED, result, what);
                assertEquals(OFFSET, mmu.gpa(), what);
                assertEquals(OFFSET, mmu.spa(), what);
                assertEquals(port.ram.address() + OFFSET, mmu.hostAddress(), what);
              } else {
                assertEquals(PAGE_FAULT, result, what);
                assertEquals(expected, mmu.errorCode(), what);
              }
              // Accessed above, and dirty with accessed in the leaf, if and only if it was used.
              long leafBits = entry(shape, shape.leaf) & (Pte.A | Pte.D);
              long wanted = expected != -1 ? 0 : access == WRITE ? Pte.A | Pte.D : Pte.A;
              assertEquals(wanted, leafBits, what);
              cases++;
            }
          }
        }
        port.accesses.clear();
      }
    }
    assertTrue(cases > 100_000, () -> "too few cases");
  }

  /** APM Vol. 2, 5.6, written down a second time. */
  private static boolean manual(
      int access,
      int bank,
      boolean rw,
      boolean us,
      boolean nx,
      boolean wp,
      boolean smep,
      boolean smap) {
    boolean user = bank == BANK_USER;
    if (user && !us) {
      return false;
    }
    return switch (access) {
      case READ -> user || !us || !smap || bank == BANK_SUPERVISOR_AC;
      case WRITE -> (rw || (!user && !wp)) && (user || !us || !smap || bank == BANK_SUPERVISOR_AC);
      default -> !nx && (user || !us || !smep);
    };
  }

  /** APM Vol. 2, 5.6.7: PKRU on users' pages of long mode, at once and in every size of page. */
  @Test
  final void shouldObeyProtectionKeysAsSoonAsPkruSays() {
    final int key = 9;
    for (PagingShape shape : PagingShape.values()) {
      for (int rights = 0; rights < 4; rights++) {
        for (int controls = 0; controls < 8; controls++) {
          boolean wp = (controls & 1) != 0;
          boolean pke = (controls & 2) != 0;
          boolean us = (controls & 4) != 0;
          for (int bank = 0; bank < TlbLayout.BANKS; bank++) {
            for (int access = READ; access <= FETCH; access++) {
              if (!us && bank == BANK_USER || pke && !shape.longMode()) {
                continue;
              }
              build(shape, us ? ALL : P | RW);
              if (shape.longMode()) {
                putEntry(shape, shape.leaf, entry(shape, shape.leaf) | (long) key << Pte.KEY_SHIFT);
              }
              enter(shape, wp ? Cr0.WP : 0, pke ? Cr4.PKE : 0, 0);
              String what =
                  "%s rights %d controls %x bank %d access %d"
                      .formatted(shape, rights, controls, bank, access);
              mmu.setKeyRights(0);
              assertEquals(FILLED, mmu.fill(shape.gva(), access, bank), what);
              mmu.setKeyRights(rights << 2 * key);
              boolean noRead = pke && us && (rights & 1) != 0;
              boolean noWrite =
                  noRead || pke && us && (rights & 2) != 0 && (wp || bank == BANK_USER);
              assertFalse(noRead && inTlb(bank, shape.gva(), TlbLayout.READ_TAG), what);
              assertFalse(noWrite && inTlb(bank, shape.gva(), TlbLayout.WRITE_TAG), what);
              boolean locked = access == READ ? noRead : access == WRITE && noWrite;
              assertEquals(locked ? PAGE_FAULT : FILLED, mmu.fill(shape.gva(), access, bank), what);
              long code = 0x21 | (access == WRITE ? 2 : 0) | (bank == BANK_USER ? 4 : 0);
              assertEquals(code, locked ? mmu.errorCode() : code, what);
              assertEquals(shape.gva() & 0xfff, mmu.probe(shape.gva()) & 0xfff, what);
              mmu.setKeyRights(-1 & ~(3 << 2 * key));
              assertEquals(FILLED, mmu.fill(shape.gva(), access, bank), what + ", other keys");
            }
          }
        }
      }
    }
  }

  @Test
  final void shouldFaultWithoutPresentBitAtEachLevel() {
    for (PagingShape shape : PagingShape.values()) {
      for (int missing = shape.leaf; missing <= shape.top; missing++) {
        build(shape, ALL);
        putEntry(shape, missing, entry(shape, missing) & ~P);
        enter(shape, 0, Cr4.SMEP, 0);
        for (int access = READ; access <= FETCH; access++) {
          assertEquals(PAGE_FAULT, mmu.fill(shape.gva(), access, BANK_USER), shape::name);
          long expected = 4 | (access == WRITE ? 2 : access == FETCH ? 16 : 0);
          assertEquals(expected, mmu.errorCode(), shape.name() + " level " + missing);
        }
      }
    }
  }

  // Reserved bits

  @Test
  final void shouldFaultOnExactlyTheReservedBitsOfEachLevel() {
    for (boolean sev : new boolean[] {false, true}) {
      mmu = sev ? encrypted(NestedPaging.OFF) : plain();
      for (PagingShape shape : PagingShape.values()) {
        for (boolean nxe : new boolean[] {false, true}) {
          for (int level = shape.leaf; level <= shape.top; level++) {
            for (int bit = 0; bit < shape.bytes * 8; bit++) {
              boolean must =
                  (shape.reserved(level, nxe, PHYSICAL_BITS, sev ? C_BIT : 0) >>> bit & 1) != 0;
              boolean free = bit >= 3 && !shape.addressOrSize(level, bit, PHYSICAL_BITS);
              if (!must && !free) {
                continue;
              }
              build(shape, ALL);
              putEntry(shape, level, entry(shape, level) | 1L << bit);
              enter(shape, 0, 0, nxe ? Efer.NXE : 0);
              String what = "%s level %d bit %d nxe %b".formatted(shape, level, bit, nxe);
              int result = mmu.fill(shape.gva(), READ, BANK_USER);
              assertEquals(must ? PAGE_FAULT : FILLED, result, what);
              if (must) {
                assertEquals(1 | 4 | 8, mmu.errorCode(), what);
              }
            }
          }
        }
      }
    }
  }

  @Test
  final void shouldRefuseBadPdptes() {
    PagingShape shape = PagingShape.PAE_4K;
    build(shape, ALL);
    for (int bit = 1; bit < 64; bit++) {
      long cr3 = cr3(shape);
      port.set(CR3 + 8, P | 1L << bit);
      boolean must = bit == 1 || bit == 2 || (bit >= 5 && bit <= 8) || bit >= PHYSICAL_BITS;
      assertEquals(!must, mmu.checkPdptes(cr3), "bit " + bit);
      port.set(CR3 + 8, 1L << bit & ~P);
      assertTrue(mmu.checkPdptes(cr3), "not present, bit " + bit);
    }
  }

  @Test
  final void shouldKeepPdptesAsTheyWereLoaded() {
    PagingShape shape = PagingShape.PAE_4K;
    build(shape, ALL);
    long cr3 = cr3(shape);
    assertTrue(mmu.checkPdptes(cr3));
    enter(shape, 0, 0, 0);
    port.set(CR3, 0);
    assertEquals(FILLED, mmu.fill(shape.gva(), READ, BANK_USER));
    mmu.setPaging(Cr0.PE | Cr0.PG, cr3, shape.cr4, shape.efer);
    assertEquals(PAGE_FAULT, mmu.fill(shape.gva(), READ, BANK_USER));
  }

  // Addresses

  @Test
  final void shouldNotTranslateWithPagingOff() {
    mmu.setPaging(Cr0.PE, 0, 0, 0);
    assertEquals(FILLED, mmu.fill(0x1234, WRITE, BANK_SUPERVISOR));
    assertEquals(0x1234, mmu.gpa());
    assertTrue(inTlb(BANK_SUPERVISOR, 0x1234, TlbLayout.WRITE_TAG));
  }

  @Test
  final void shouldRefuseAddressesThatAreNotCanonical() {
    record Row(PagingShape shape, long gva, boolean canonical) {}
    Row[] rows = {
      new Row(PagingShape.LONG4_4K, 0x0000_7fff_ffff_f000L, true),
      new Row(PagingShape.LONG4_4K, 0x0000_8000_0000_0000L, false),
      new Row(PagingShape.LONG4_4K, 0xffff_8000_0000_0000L, true),
      new Row(PagingShape.LONG4_4K, 0xffff_7fff_ffff_ffffL, false),
      new Row(PagingShape.LONG5_4K, 0x0000_8000_0000_0000L, true),
      new Row(PagingShape.LONG5_4K, 0x0100_0000_0000_0000L, false),
      new Row(PagingShape.LONG5_4K, 0xff00_0000_0000_0000L, true),
      new Row(PagingShape.LONG5_4K, 0xfeff_ffff_ffff_ffffL, false),
    };
    for (Row row : rows) {
      enter(row.shape, 0, 0, 0);
      int expected = row.canonical ? PAGE_FAULT : NOT_CANONICAL;
      assertEquals(expected, mmu.fill(row.gva, READ, BANK_SUPERVISOR), row::toString);
    }
  }

  @Test
  final void shouldReachAbove4GiBByPse36() {
    PagingShape shape = PagingShape.LEGACY_4M;
    build(shape, ALL);
    putEntry(shape, 2, entry(shape, 2) | 0xab << 13);
    enter(shape, 0, 0, 0);
    assertEquals(MMIO, mmu.fill(shape.gva(), READ, BANK_USER));
    assertEquals(0xab_0000_0000L + OFFSET, mmu.gpa());
  }

  @Test
  final void shouldSayMmioOutsideRam() {
    PagingShape shape = PagingShape.LONG4_4K;
    build(shape, ALL);
    putEntry(shape, 1, 0xfee0_0000L | ALL);
    enter(shape, 0, 0, 0);
    assertEquals(MMIO, mmu.fill(shape.gva(), WRITE, BANK_SUPERVISOR));
    assertEquals(0xfee0_0abcL, mmu.gpa());
    assertFalse(inTlb(BANK_SUPERVISOR, shape.gva(), TlbLayout.WRITE_TAG));
  }

  // Accessed and dirty

  @Test
  final void shouldLookAgainWhenAnotherProcessorChangesTheEntry() {
    PagingShape shape = PagingShape.LONG4_4K;
    build(shape, ALL);
    enter(shape, 0, 0, 0);
    port.meanwhile =
        () -> {
          if ((entry(shape, 2) & Pte.A) != 0) {
            putEntry(shape, 1, 0); // unmapped between the read and the exchange
          }
        };
    assertEquals(PAGE_FAULT, mmu.fill(shape.gva(), WRITE, BANK_USER));
    assertEquals(2 | 4, mmu.errorCode());
    assertEquals(0, entry(shape, 1));
  }

  @Test
  final void shouldGrantWritesOnlyAfterDirtyWasSet() {
    for (PagingShape shape : PagingShape.values()) {
      build(shape, ALL);
      enter(shape, 0, 0, 0);
      assertEquals(FILLED, mmu.fill(shape.gva(), READ, BANK_USER));
      assertTrue(inTlb(BANK_USER, shape.gva(), TlbLayout.READ_TAG));
      assertFalse(inTlb(BANK_USER, shape.gva(), TlbLayout.WRITE_TAG));
      assertEquals(FILLED, mmu.fill(shape.gva(), WRITE, BANK_USER));
      assertEquals(FILLED, mmu.fill(shape.gva(), FETCH, BANK_USER));
      assertTrue(inTlb(BANK_USER, shape.gva(), TlbLayout.READ_TAG));
      assertTrue(inTlb(BANK_USER, shape.gva(), TlbLayout.WRITE_TAG));
      assertTrue(inTlb(BANK_USER, shape.gva(), TlbLayout.FETCH_TAG));
      assertEquals(
          port.ram.address() + OFFSET, tag(BANK_USER, shape.gva(), TlbLayout.ADDEND) + shape.gva());
    }
  }

  @Test
  final void shouldNotGrantWritesToWatchedPages() {
    PagingShape shape = PagingShape.LONG4_4K;
    build(shape, ALL);
    enter(shape, 0, 0, 0);
    port.watch(OFFSET);
    assertEquals(FILLED_WATCHED, mmu.fill(shape.gva(), WRITE, BANK_USER));
    assertEquals(port.ram.address() + OFFSET, mmu.hostAddress());
    assertTrue(inTlb(BANK_USER, shape.gva(), TlbLayout.READ_TAG));
    assertFalse(inTlb(BANK_USER, shape.gva(), TlbLayout.WRITE_TAG));
    assertEquals(FILLED, mmu.fill(shape.gva(), FETCH, BANK_USER));
  }

  @Test
  final void shouldLeaveNoTraceWhenProbing() {
    for (PagingShape shape : PagingShape.values()) {
      build(shape, ALL);
      enter(shape, 0, Cr4.SMAP | Cr4.SMEP, 0);
      assertEquals(OFFSET, mmu.probe(shape.gva()), shape::name);
      for (int level = shape.leaf; level <= shape.top; level++) {
        assertEquals(0, entry(shape, level) & (Pte.A | Pte.D));
      }
      assertFalse(inTlb(BANK_SUPERVISOR_AC, shape.gva(), TlbLayout.READ_TAG));
      putEntry(shape, shape.leaf, 0);
      assertEquals(-1, mmu.probe(shape.gva()), shape::name);
    }
  }

  // Flushing

  @Test
  final void shouldKeepNoPageOverCr3ThatIsNotGlobal() {
    for (PagingShape shape : PagingShape.values()) {
      for (boolean global : new boolean[] {false, true}) {
        for (boolean pge : new boolean[] {false, true}) {
          build(shape, ALL);
          putEntry(shape, shape.leaf, entry(shape, shape.leaf) | (global ? Pte.G : 0));
          enter(shape, 0, pge ? Cr4.PGE : 0, 0);
          mmu.fill(shape.gva(), READ, BANK_USER);
          assertTrue(inTlb(BANK_USER, shape.gva(), TlbLayout.READ_TAG));
          enter(shape, 0, pge ? Cr4.PGE : 0, 0);
          if (!(global && pge)) {
            assertFalse(inTlb(BANK_USER, shape.gva(), TlbLayout.READ_TAG), shape::name);
          }
          enter(shape, 0, pge ? 0 : Cr4.PGE, 0);
          assertFalse(inTlb(BANK_USER, shape.gva(), TlbLayout.READ_TAG), shape::name);
        }
      }
    }
  }

  @Test
  final void shouldInvalidateWholePagesOfEverySize() {
    for (PagingShape shape : PagingShape.values()) {
      build(shape, ALL);
      putEntry(shape, shape.leaf, entry(shape, shape.leaf) | Pte.G);
      enter(shape, 0, Cr4.PGE, 0);
      long size = 1L << shape.shift(shape.leaf);
      long start = shape.gva() & -size;
      for (int bank = 0; bank < TlbLayout.BANKS; bank++) {
        mmu.fill(start, READ, bank);
        mmu.fill(start + size - 1, FETCH, bank);
      }
      mmu.invalidate(start + size / 2);
      for (int bank = 0; bank < TlbLayout.BANKS; bank++) {
        assertFalse(inTlb(bank, start, TlbLayout.READ_TAG), shape::name);
        assertFalse(inTlb(bank, start + size - 1, TlbLayout.FETCH_TAG), shape::name);
      }
    }
  }

  @Test
  final void shouldSeeChangedUpperEntriesAfterEachKindOfFlush() {
    PagingShape shape = PagingShape.LONG4_4K;
    Runnable[] flushes = {
      () -> enter(shape, 0, 0, 0), () -> mmu.invalidate(0x5000), () -> mmu.invalidateAll()
    };
    for (Runnable flush : flushes) {
      build(shape, ALL);
      enter(shape, 0, 0, 0);
      assertEquals(FILLED, mmu.fill(shape.gva(), READ, BANK_USER));
      putEntry(shape, 2, 0);
      flush.run();
      assertEquals(PAGE_FAULT, mmu.fill(shape.gva(), WRITE, BANK_USER));
    }
  }

  @Test
  final void shouldEmptyTheTlbWhenPermissionRulesChange() {
    PagingShape shape = PagingShape.LONG4_4K;
    long[][] changes = {
      {Cr0.WP, 0, 0}, {0, Cr4.SMEP, 0}, {0, Cr4.SMAP, 0}, {0, 0, Efer.NXE}, {0, Cr4.PCIDE, 0}
    };
    for (long[] change : changes) {
      build(shape, P | RW);
      putEntry(shape, 1, entry(shape, 1) | Pte.G);
      enter(shape, 0, Cr4.PGE, 0);
      mmu.fill(shape.gva(), READ, BANK_SUPERVISOR);
      assertTrue(inTlb(BANK_SUPERVISOR, shape.gva(), TlbLayout.READ_TAG));
      enter(shape, change[0], Cr4.PGE | change[1], change[2]);
      assertFalse(inTlb(BANK_SUPERVISOR, shape.gva(), TlbLayout.READ_TAG));
    }
  }

  // The C-bit

  @Test
  final void shouldTagByTheLeafsCBitButFetchAndWalkInPrivate() {
    mmu = encrypted(NestedPaging.OFF);
    long c = 1L << C_BIT;
    for (PagingShape shape : PagingShape.values()) {
      for (boolean cBit : new boolean[] {false, true}) {
        if (cBit && !shape.wide()) {
          continue;
        }
        for (int access = READ; access <= FETCH; access++) {
          build(shape, ALL);
          if (cBit) {
            for (int level = shape.leaf; level <= shape.top; level++) {
              putEntry(shape, level, entry(shape, level) | c);
            }
          }
          mmu.setPaging(
              Cr0.PE | Cr0.PG,
              cr3(shape) | (cBit && shape.longMode() ? c : 0),
              shape.cr4,
              shape.efer);
          port.accesses.clear();
          String what = "%s C %b access %d".formatted(shape, cBit, access);
          assertEquals(FILLED, mmu.fill(shape.gva(), access, BANK_USER), what);
          assertEquals(OFFSET, mmu.gpa(), what);
          boolean secret = cBit || access == FETCH || !shape.wide();
          assertEquals(secret ? ASID : 0, mmu.tag(), what);
          for (RecordingPort.Access seen : port.accesses) {
            boolean data = seen.what().startsWith("page");
            assertEquals(data && !secret ? 0 : ASID, seen.tag(), what + " " + seen);
          }
        }
      }
    }
  }

  @Test
  final void shouldForceTheCBitWithPagingOff() {
    mmu = encrypted(NestedPaging.OFF);
    mmu.setPaging(0, 0, 0, 0);
    for (int access = READ; access <= FETCH; access++) {
      mmu.fill(0x7000, access, BANK_SUPERVISOR);
      assertEquals(ASID, mmu.tag());
    }
  }

  @Test
  final void shouldNotLetLoadsUseTheEntryOfAFetchFromASharedPage() {
    mmu = encrypted(NestedPaging.OFF);
    PagingShape shape = PagingShape.LONG4_4K;
    build(shape, ALL);
    enter(shape, 0, 0, 0);
    mmu.fill(shape.gva(), FETCH, BANK_USER);
    assertFalse(inTlb(BANK_USER, shape.gva(), TlbLayout.READ_TAG));
    assertNotEquals(0, mmu.tag());
  }

  // Nested paging

  private static final long NESTED = 0x20_0000;
  private static final long N_OFFSET = 0x40_0000;

  /** Maps gpa g at spa g + 4 MiB for the first 8 MiB, by nested pages of 4 KiB. */
  private NestedPaging nested() {
    port.set(NESTED, NESTED + 0x1000 | ALL);
    port.set(NESTED + 0x1000, NESTED + 0x2000 | ALL);
    for (int table = 0; table < 4; table++) {
      port.set(NESTED + 0x2000 + table * 8, NESTED + 0x3000 + table * 4096L | ALL);
      for (int i = 0; i < 512; i++) {
        port.set(
            NESTED + 0x3000 + table * 4096L + i * 8L,
            N_OFFSET + table * 0x20_0000L + i * 4096L | ALL);
      }
    }
    return new NestedPaging(true, NESTED);
  }

  private long nestedLeaf(long gpa) {
    return NESTED + 0x3000 + (gpa >>> 12) * 8;
  }

  /** The test's tables, where the nested tables put them. */
  private void buildNested(PagingShape shape, long permissions) {
    build(shape, permissions);
    cr3(shape);
    MemorySegment.copy(port.ram, TABLE, port.ram, TABLE + N_OFFSET, 0x9000);
  }

  @Test
  final void shouldWalkBothTables() {
    for (PagingShape shape : PagingShape.values()) {
      NestedPaging paging = nested();
      mmu = make(new MmuConfig(port, block, paging, 0, 0, PHYSICAL_BITS));
      buildNested(shape, ALL);
      enter(shape, 0, 0, 0);
      assertEquals(FILLED, mmu.fill(shape.gva(), READ, BANK_USER), shape::name);
      assertEquals(OFFSET, mmu.gpa());
      assertEquals(OFFSET + N_OFFSET, mmu.spa());
      assertEquals(Pte.A, port.get(nestedLeaf(OFFSET)) & (Pte.A | Pte.D));
      // The walk of the guest's tables counts as a write.
      long table = TABLE + (shape.leaf - 1) * 4096L;
      assertEquals(Pte.A | Pte.D, port.get(nestedLeaf(table)) & (Pte.A | Pte.D));
      assertEquals(FILLED, mmu.fill(shape.gva(), WRITE, BANK_USER));
      assertEquals(Pte.A | Pte.D, port.get(nestedLeaf(OFFSET)) & (Pte.A | Pte.D));
    }
  }

  @Test
  final void shouldReportNestedFaultsWithTheManualsCodes() {
    long finalBit = 1L << 32;
    long tableBit = 1L << 33;
    record Row(String what, boolean table, long nestedEntry, int access, int result, long code) {}
    long frame = N_OFFSET + (OFFSET & -4096L);
    Row[] rows = {
      new Row("final absent", false, 0, READ, MMIO, 0),
      new Row("final read-only", false, frame | P | US, WRITE, NESTED_PAGE_FAULT, finalBit | 7),
      new Row("final read-only, read", false, frame | P | US, READ, FILLED, 0),
      new Row("final supervisor", false, frame | P | RW, READ, NESTED_PAGE_FAULT, finalBit | 5),
      new Row(
          "final no-execute", false, frame | ALL | Pte.NX, FETCH, NESTED_PAGE_FAULT, finalBit | 21),
      new Row("final no-execute, read", false, frame | ALL | Pte.NX, READ, FILLED, 0),
      new Row("table absent", true, 0, READ, NESTED_PAGE_FAULT, tableBit | 6),
      new Row(
          "table read-only",
          true,
          N_OFFSET + TABLE | P | US,
          READ,
          NESTED_PAGE_FAULT,
          tableBit | 7),
      new Row(
          "table supervisor",
          true,
          N_OFFSET + TABLE | P | RW,
          FETCH,
          NESTED_PAGE_FAULT,
          tableBit | 7),
    };
    for (Row row : rows) {
      mmu = make(new MmuConfig(port, block, nested(), 0, 0, PHYSICAL_BITS));
      buildNested(PagingShape.LONG4_4K, ALL);
      port.set(nestedLeaf(row.table ? TABLE : OFFSET), row.nestedEntry);
      enter(PagingShape.LONG4_4K, 0, 0, 0);
      assertEquals(
          row.result, mmu.fill(PagingShape.LONG4_4K.gva(), row.access, BANK_USER), row::toString);
      if (row.result == NESTED_PAGE_FAULT) {
        assertEquals(row.code, mmu.errorCode(), row::toString);
        long gpa = row.table ? TABLE + 8 : OFFSET;
        assertEquals(gpa, mmu.gpa(), row::toString);
      }
    }
  }

  @Test
  final void shouldFaultOnReservedBitsOfNestedEntries() {
    NestedPaging paging = nested();
    mmu = make(new MmuConfig(port, block, paging, 0, 0, PHYSICAL_BITS));
    mmu.setPaging(0, 0, 0, 0);
    port.set(NESTED, port.get(NESTED) | Pte.PS);
    assertEquals(NESTED_PAGE_FAULT, mmu.fill(0x5000, READ, BANK_SUPERVISOR));
    assertEquals(1L << 32 | 1 | 4 | 8, mmu.errorCode());
    port.set(NESTED, port.get(NESTED) & ~Pte.PS);
    port.set(NESTED + 0x2000, 0x40_2000 | ALL | Pte.PS); // 2 MiB, bit 13 set
    assertEquals(NESTED_PAGE_FAULT, mmu.fill(0x5000, READ, BANK_SUPERVISOR));
    port.set(NESTED + 0x2000, 0x40_0000 | ALL | Pte.PS);
    assertEquals(FILLED, mmu.fill(0x5000, READ, BANK_SUPERVISOR));
    assertEquals(0x40_5000, mmu.spa());
  }

  @Test
  final void shouldReadNestedTablesAsTheHostSeesThem() {
    NestedPaging paging = nested();
    mmu = encrypted(paging);
    buildNested(PagingShape.LONG4_4K, ALL);
    enter(PagingShape.LONG4_4K, 0, 0, 0);
    port.accesses.clear();
    mmu.fill(PagingShape.LONG4_4K.gva(), READ, BANK_USER);
    for (RecordingPort.Access seen : port.accesses) {
      boolean host = seen.spa() >= NESTED && seen.spa() < NESTED + 0x8000;
      boolean data = seen.what().startsWith("page");
      assertEquals(host || data ? 0 : ASID, seen.tag(), seen::toString);
    }
  }

  @Test
  final void shouldStopWhenMemoryIsSuspended() {
    build(PagingShape.LONG4_4K, ALL);
    enter(PagingShape.LONG4_4K, 0, 0, 0);
    port.suspended = true;
    assertEquals(SUSPENDED, mmu.fill(PagingShape.LONG4_4K.gva(), READ, BANK_USER));
    mmu.setPaging(0, 0, 0, 0);
    assertEquals(SUSPENDED, mmu.fill(0, READ, BANK_USER));
    port.suspended = false;
    assertEquals(FILLED, mmu.fill(0, READ, BANK_USER));
  }
}
