package org.redoubt.mmu.internal;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.ValueLayout;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.redoubt.api.cpu.Mmu;
import org.redoubt.api.cpu.MmuConfig;
import org.redoubt.api.cpu.MmuFactory;
import org.redoubt.api.cpu.NestedPaging;
import org.redoubt.api.cpu.TlbLayout;
import org.redoubt.api.memory.MemoryPort;
import org.redoubt.spec.x86.Cr0;
import org.redoubt.spec.x86.Cr4;
import org.redoubt.spec.x86.Efer;
import org.redoubt.testkit.cpu.MmuContract;
import org.redoubt.testkit.tool.Exam;

/** Examines the MMU's exam: ours, broken in one way, fails in the test that is there for it. */
final class BrokenMmuTest {
  private enum Flaw {
    NO_WP,
    NO_SMEP,
    NO_SMAP,
    NO_NX,
    NO_KEYS,
    STALE_KEYS,
    NO_KEY_BIT_IN_CODES,
    WIDER_ADDRESSES,
    NO_ACCESSED_BITS,
    LOOKS_ONCE,
    WRITES_WITHOUT_DIRTY,
    WRITES_TO_WATCHED,
    WRONG_HOST_ADDRESS,
    NO_USER_BIT_IN_CODES,
    ANY_ADDRESS,
    NO_INVLPG,
    NO_FLUSH_AT_CR3,
    NO_C_BIT,
    WALKS_AS_THE_HOST,
    SHARED_FETCHES_FOR_LOADS,
    NO_NESTED_TABLES,
    NO_EXITINFO,
    GOES_ON_SUSPENDED,
    PROBES_BY_FILLING,
    ANY_PDPTE
  }

  @ParameterizedTest
  @CsvSource({
    "NO_WP, shouldGrantWhatEveryLevelGrantsInEveryMode",
    "NO_SMEP, shouldGrantWhatEveryLevelGrantsInEveryMode",
    "NO_SMAP, shouldGrantWhatEveryLevelGrantsInEveryMode",
    "NO_NX, shouldGrantWhatEveryLevelGrantsInEveryMode",
    "NO_KEYS, shouldObeyProtectionKeysAsSoonAsPkruSays",
    "STALE_KEYS, shouldObeyProtectionKeysAsSoonAsPkruSays",
    "NO_KEY_BIT_IN_CODES, shouldObeyProtectionKeysAsSoonAsPkruSays",
    "NO_USER_BIT_IN_CODES, shouldFaultWithoutPresentBitAtEachLevel",
    "WIDER_ADDRESSES, shouldFaultOnExactlyTheReservedBitsOfEachLevel",
    "NO_ACCESSED_BITS, shouldGrantWhatEveryLevelGrantsInEveryMode",
    "LOOKS_ONCE, shouldLookAgainWhenAnotherProcessorChangesTheEntry",
    "WRITES_WITHOUT_DIRTY, shouldGrantWritesOnlyAfterDirtyWasSet",
    "WRITES_TO_WATCHED, shouldNotGrantWritesToWatchedPages",
    "WRONG_HOST_ADDRESS, shouldGrantWhatEveryLevelGrantsInEveryMode",
    "ANY_ADDRESS, shouldRefuseAddressesThatAreNotCanonical",
    "NO_INVLPG, shouldInvalidateWholePagesOfEverySize",
    "NO_FLUSH_AT_CR3, shouldKeepNoPageOverCr3ThatIsNotGlobal",
    "NO_C_BIT, shouldTagByTheLeafsCBitButFetchAndWalkInPrivate",
    "WALKS_AS_THE_HOST, shouldTagByTheLeafsCBitButFetchAndWalkInPrivate",
    "SHARED_FETCHES_FOR_LOADS, shouldNotLetLoadsUseTheEntryOfAFetchFromASharedPage",
    "NO_NESTED_TABLES, shouldWalkBothTables",
    "NO_EXITINFO, shouldReportNestedFaultsWithTheManualsCodes",
    "GOES_ON_SUSPENDED, shouldStopWhenMemoryIsSuspended",
    "PROBES_BY_FILLING, shouldLeaveNoTraceWhenProbing",
    "ANY_PDPTE, shouldRefuseBadPdptes",
  })
  void shouldRefuseABrokenMmu(Flaw flaw, String test) {
    Optional<Throwable> failure = Exam.failure(() -> new Contract(flaw), test);
    assertTrue(
        failure.isPresent() && failure.get() instanceof AssertionError,
        () -> flaw + " passed " + test + ", or broke it: " + failure);
  }

  private static final class Contract extends MmuContract {
    private final Flaw flaw;

    Contract(Flaw flaw) {
      this.flaw = flaw;
    }

    @Override
    protected MmuFactory factory() {
      return config -> broken(config, flaw);
    }
  }

  private static Mmu broken(MmuConfig config, Flaw flaw) {
    MmuConfig given =
        new MmuConfig(
            port(config.port(), flaw),
            config.tlb(),
            flaw == Flaw.NO_NESTED_TABLES ? NestedPaging.OFF : config.nested(),
            config.asid(),
            flaw == Flaw.NO_C_BIT ? 0 : config.cBit(),
            flaw == Flaw.WIDER_ADDRESSES ? 52 : config.physicalBits());
    Mmu ours = new TableWalkMmu(given);
    return (Mmu)
        Proxy.newProxyInstance(
            Mmu.class.getClassLoader(),
            new Class<?>[] {Mmu.class},
            (proxy, method, a) -> {
              switch (method.getName()) {
                case "fill" -> {
                  return fill(ours, config, flaw, (long) a[0], (int) a[1], (int) a[2]);
                }
                case "setPaging" -> {
                  if (flaw != Flaw.NO_FLUSH_AT_CR3) {
                    setPaging(ours, flaw, (long) a[0], (long) a[1], (long) a[2], (long) a[3]);
                    return null;
                  }
                  byte[] kept = config.tlb().toArray(ValueLayout.JAVA_BYTE);
                  ours.setPaging((long) a[0], (long) a[1], (long) a[2], (long) a[3]);
                  java.lang.foreign.MemorySegment.copy(
                      kept, 0, config.tlb(), ValueLayout.JAVA_BYTE, 0, kept.length);
                  return null;
                }
                case "hostAddress" -> {
                  return ours.hostAddress() & (flaw == Flaw.WRONG_HOST_ADDRESS ? -4096L : -1L);
                }
                case "errorCode" -> {
                  return ours.errorCode()
                      & ~(flaw == Flaw.NO_USER_BIT_IN_CODES ? 4 : 0)
                      & ~(flaw == Flaw.NO_KEY_BIT_IN_CODES ? 0x20 : 0)
                      & (flaw == Flaw.NO_EXITINFO ? 0xffff : -1);
                }
                case "setKeyRights" -> {
                  byte[] kept = config.tlb().toArray(ValueLayout.JAVA_BYTE);
                  if (flaw != Flaw.NO_KEYS) {
                    ours.setKeyRights((int) a[0]);
                  }
                  if (flaw == Flaw.STALE_KEYS) {
                    java.lang.foreign.MemorySegment.copy(
                        kept, 0, config.tlb(), ValueLayout.JAVA_BYTE, 0, kept.length);
                  }
                  return null;
                }
                case "invalidate" -> {
                  if (flaw != Flaw.NO_INVLPG) {
                    ours.invalidate((long) a[0]);
                  }
                  return null;
                }
                case "probe" -> {
                  if (flaw != Flaw.PROBES_BY_FILLING) {
                    return ours.probe((long) a[0]);
                  }
                  int result = ours.fill((long) a[0], Mmu.READ, TlbLayout.BANK_SUPERVISOR_AC);
                  return result == Mmu.FILLED ? ours.gpa() : -1L;
                }
                case "checkPdptes" -> {
                  return ours.checkPdptes((long) a[0]) || flaw == Flaw.ANY_PDPTE;
                }
                default -> {
                  try {
                    return method.invoke(ours, a);
                  } catch (InvocationTargetException e) {
                    throw e.getCause();
                  }
                }
              }
            });
  }

  private static void setPaging(Mmu ours, Flaw flaw, long cr0, long cr3, long cr4, long efer) {
    ours.setPaging(
        cr0 & ~(flaw == Flaw.NO_WP ? Cr0.WP : 0),
        cr3,
        cr4 & ~(flaw == Flaw.NO_SMEP ? Cr4.SMEP : 0) & ~(flaw == Flaw.NO_SMAP ? Cr4.SMAP : 0),
        efer & ~(flaw == Flaw.NO_NX ? Efer.NXE : 0));
  }

  private static int fill(Mmu ours, MmuConfig config, Flaw flaw, long gva, int access, int bank) {
    long used = flaw == Flaw.ANY_ADDRESS ? gva << 16 >> 16 : gva;
    int wanted = flaw == Flaw.WRITES_WITHOUT_DIRTY && access == Mmu.READ ? Mmu.WRITE : access;
    int result = ours.fill(used, wanted, bank);
    long entry = TlbLayout.entry(bank, gva);
    if (flaw == Flaw.WRITES_TO_WATCHED && result == Mmu.FILLED_WATCHED) {
      config.tlb().set(ValueLayout.JAVA_LONG, entry + TlbLayout.WRITE_TAG, gva & -4096L);
    }
    if (flaw == Flaw.SHARED_FETCHES_FOR_LOADS && access == Mmu.FETCH && result == Mmu.FILLED) {
      config.tlb().set(ValueLayout.JAVA_LONG, entry + TlbLayout.READ_TAG, gva & -4096L);
    }
    return flaw == Flaw.GOES_ON_SUSPENDED && result == Mmu.SUSPENDED ? Mmu.MMIO : result;
  }

  private static MemoryPort port(MemoryPort port, Flaw flaw) {
    return (MemoryPort)
        Proxy.newProxyInstance(
            MemoryPort.class.getClassLoader(),
            new Class<?>[] {MemoryPort.class},
            (proxy, method, a) -> {
              boolean exchange = method.getName().equals("compareAndExchangeLong");
              if (exchange && flaw == Flaw.NO_ACCESSED_BITS) {
                return a[2];
              }
              if (exchange && flaw == Flaw.LOOKS_ONCE) {
                port.compareAndExchangeLong((long) a[0], (int) a[1], (long) a[2], (long) a[3]);
                return a[2];
              }
              if (method.getName().equals("readLong") && flaw == Flaw.WALKS_AS_THE_HOST) {
                return port.readLong((long) a[0], 0);
              }
              return method.invoke(port, a);
            });
  }
}
