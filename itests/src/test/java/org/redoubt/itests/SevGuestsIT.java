package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedOutputStream;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.osgi.framework.Bundle;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.vm.Vm;
import org.redoubt.api.vm.VmEnd;
import org.redoubt.itests.container.InsideRedoubt;

/**
 * Four SEV guests at once in one JVM, from outside and from within: what another process finds in
 * the DRAM file, what attacks on memory do, and what a change of engine does not. In order, for
 * each attack costs a guest.
 */
@ExtendWith(InsideRedoubt.class)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@Timeout(1800)
class SevGuestsIT {
  private static final int PAGE = 4096;
  private static final int BLOCK = 16;
  private static final String TEXT_A = "AAAAAAAAAAAAAAA\n";
  private static final String TEXT_B = "BBBBBBBBBBBBBBB\n";
  private static final int PUD_SHIFT = 30;
  private static final int LSTAR = 0xc000_0082;
  private static final long ADDRESS = 0x000f_ffff_ffff_f000L & ~(1L << 47);
  private static final Duration DEATH = Duration.ofSeconds(90);

  /** Bytes of zeros that the guests sum. */
  private static final int SUMMED_BYTES = 256 << 10;

  /** Counts for ever. */
  private static final String SPIN = "48ffc0 ebfb";

  /** Writes 100 to the debug-exit port. */
  private static final String EXIT_100 = "b064 e6f4 f4";

  private static void note(String line) {
    System.out.println("SevGuestsIT: " + line);
  }

  // What another process finds

  @Test
  @Order(1)
  void shouldHoldOnlyCiphertextInDramWithASmallCache() throws Exception {
    Fleet fleet = Fleet.get();
    assertEquals(Fleet.SMALL_CACHE >> 12, fleet.memory.stats().capacityPages());
    Fleet.Member guest = fleet.member(0);
    guest.vm().pause();
    try (AutoCloseable resuming = guest.vm()::resume) {
      fleet.memory.flush();
      look(fleet, guest);
    }
  }

  @Test
  @Order(2)
  void shouldHoldOnlyCiphertextInDramWithTheDefaultCacheFlushed() throws Exception {
    Fleet fleet = Fleet.get();
    Shell shell = new Shell();
    shell.run("config:set org.redoubt.memory socCacheBytes=" + MemoryConfig.DEFAULT_CACHE_BYTES);
    Services.await(
        "the cache has grown",
        () -> fleet.memory.stats().capacityPages() == MemoryConfig.DEFAULT_CACHE_BYTES >> 12);
    Fleet.Member guest = fleet.member(1);
    guest.shell().ask("dd if=/dev/zero of=/tmp/filler bs=65536 count=300 2>/dev/null");
    guest.vm().pause();
    try (AutoCloseable resuming = guest.vm()::resume) {
      shell.run("mem:flush --memory " + fleet.memory.config().name());
      look(fleet, guest);
    }
    assertEquals("19660800", guest.shell().ask("wc -c < /tmp/filler"));
  }

  /** Has another process look at pages of a paused guest. */
  private static void look(Fleet fleet, Fleet.Member guest) throws Exception {
    String engine = fleet.memory.engine();
    List<Long> pages = fleet.privatePages(guest.vm());
    assertTrue(pages.size() > 10_000, "only " + pages.size() + " private pages");
    Path addresses = fleet.folder.resolve("addresses");
    Path expected = fleet.folder.resolve("expected");
    Path wanted = fleet.folder.resolve("needles");
    ByteBuffer spas = ByteBuffer.allocate(pages.size() * Long.BYTES);
    try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(expected))) {
      for (long spa : pages) {
        spas.putLong(spa);
        out.write(fleet.page(guest.vm().asid(), spa));
      }
    }
    Files.write(addresses, spas.array());
    List<String> hex = new ArrayList<>();
    hex.add(HexFormat.of().formatHex(guest.word()));
    for (String words :
        List.of("Linux version 6.1", "Type 'poweroff' to leave.", "BusyBox v1", guest.secret())) {
      hex.add(HexFormat.of().formatHex(words.getBytes(StandardCharsets.US_ASCII)));
    }
    Files.write(wanted, hex);
    Processes.Outcome outcome =
        Processes.run(
            fleet.folder,
            Map.of(),
            "",
            Processes.JAVA,
            Processes.ROOT.resolve("itests/src/test/scripts/DecryptDram.java").toString(),
            fleet.dramFile.toString(),
            expected.toString(),
            engine,
            fleet.keys.exported(guest.vm().asid(), engine),
            addresses.toString(),
            wanted.toString());
    note(guest.name() + ": " + outcome.out().strip().replace("\n", "\n  "));
    assertEquals(0, outcome.status(), outcome::toString);
  }

  @Test
  @Order(3)
  void shouldDeliverEachOwnersSecretToItsGuestAlone() throws Exception {
    Fleet fleet = Fleet.get();
    Set<String> keys = new HashSet<>();
    Set<Integer> asids = new HashSet<>();
    for (Fleet.Member member : fleet.members) {
      assertEquals(member.secret(), member.shell().ask("cat /run/redoubt/secret"));
      keys.add(fleet.keys.exported(member.vm().asid(), "aes-128-xex"));
      asids.add(member.vm().asid());
    }
    assertEquals(Fleet.GUESTS, keys.size());
    assertEquals(Fleet.GUESTS, asids.size());
  }

  @Test
  @Order(4)
  void shouldDrawEachGuestsMemoryAndObeyItsDebugPolicy() throws Exception {
    Fleet fleet = Fleet.get();
    Shell shell = new Shell();
    Path png = fleet.folder.resolve("map.png");
    String map = shell.run("mem:map g0 --png " + png);
    for (String words :
        List.of("private, in the SoC cache", "shared, in DRAM only", "never touched", "p", ".")) {
      assertTrue(map.contains(words), map);
    }
    assertTrue(map.lines().allMatch(line -> line.length() <= 80), map);
    assertFalse(map.contains("\033"), map);
    assertArrayEquals(
        new byte[] {(byte) 0x89, 'P', 'N', 'G'}, Arrays.copyOf(Files.readAllBytes(png), 4));
    AssertionError refused =
        org.junit.jupiter.api.Assertions.assertThrows(
            AssertionError.class, () -> shell.run("mem:dump --vm g0 0x1000000"));
    assertTrue(String.valueOf(refused.getMessage()).contains("NODBG"), refused::toString);
    assertFalse(fleet.member(0).vm().labUsed());
    String dump = shell.run("mem:dump --vm g0 0x1000000 --lab");
    assertTrue(dump.startsWith("--lab: the guest's debug policy is ignored."), dump);
    assertTrue(fleet.member(0).vm().labUsed());
    assertFalse(shell.run("mem:dump --vm g0 0x1000000 --view host").contains("--lab"));
  }

  // A change of engine

  @Test
  @Order(5)
  void shouldComputeEverySumRightWhileTheEngineChanges() throws Exception {
    Fleet fleet = Fleet.get();
    Shell shell = new Shell();
    // Nobody shall be suspended because this machine is busy.
    shell.run("config:set org.redoubt.memory carryLimitMs=300000");
    String sum =
        HexFormat.of()
            .formatHex(MessageDigest.getInstance("SHA-256").digest(new byte[SUMMED_BYTES]));
    for (Fleet.Member member : fleet.members) {
      member.shell().ask("dd if=/dev/zero of=/tmp/data bs=%d count=1".formatted(SUMMED_BYTES));
      member
          .shell()
          .type( // not a child of the shell: busybox's leaves when one of its own ends
              "((while [ ! -e /tmp/stop ]; do [ \"$(sha256sum < /tmp/data)\" = '"
                  + sum
                  + "  -' ] && echo sum-right || echo sum-wrong; done; echo sums-end) &)");
    }
    awaitSums(fleet, 1);
    String used = shell.run("engine:use aes-256-xts --memory " + fleet.memory.config().name());
    note(used.strip().lines().toList().getLast());
    assertEquals("aes-256-xts", fleet.memory.engine());
    awaitSums(fleet, 2);
    long start = System.nanoTime();
    Bundle provider = Services.bundle("org.redoubt.encryption.aes");
    provider.stop();
    awaitEngine(fleet, "bouncycastle");
    note(
        "its bundle stopped, bouncycastle carries on after "
            + (System.nanoTime() - start) / 1_000_000
            + " ms");
    awaitSums(fleet, 2);
    provider.start();
    awaitEngine(fleet, "aes-256-xts");
    awaitSums(fleet, 2);
    for (Fleet.Member member : fleet.members) {
      member.shell().type("touch /tmp/stop");
      member.shell().expect("sums-end\r\n");
      note(member.name() + ": " + count(member, "sum-right\r\n") + " sums right");
      assertEquals(0, count(member, "sum-wrong\r\n"));
    }
  }

  private static void awaitEngine(Fleet fleet, String name) {
    long end = System.nanoTime() + Duration.ofMinutes(10).toNanos();
    while (!fleet.memory.engine().equals(name) || fleet.memory.change().isPresent()) {
      assertTrue(System.nanoTime() < end, () -> "not " + name + " but " + fleet.memory.engine());
      LockSupport.parkNanos(20_000_000);
    }
  }

  /** Waits until each guest has computed some sums more. */
  private static void awaitSums(Fleet fleet, int more) {
    for (Fleet.Member member : fleet.members) {
      int before = count(member, "sum-");
      long end = System.nanoTime() + Duration.ofMinutes(10).toNanos();
      while (count(member, "sum-") < before + more) {
        assertTrue(System.nanoTime() < end, () -> member.name() + " stands still");
        LockSupport.parkNanos(20_000_000);
      }
    }
  }

  private static int count(Fleet.Member member, String words) {
    String text = member.shell().text();
    int count = 0;
    for (int at = text.indexOf(words); at >= 0; at = text.indexOf(words, at + 1)) {
      count++;
    }
    return count;
  }

  // Several at once

  @Test
  @Order(6)
  void shouldLetTheOthersGoOnWhenOneOfFourIsStopped() throws Exception {
    Fleet fleet = Fleet.get();
    Path kernel = Files.write(fleet.folder.resolve("spin"), HandMadeKernel.of(SPIN));
    try (Vm first = fleet.hypervisor.create(fleet.encrypted("spinner", kernel));
        Vm second = fleet.hypervisor.create(fleet.encrypted("stayer", kernel))) {
      first.start();
      second.start();
      Set<String> keys = new HashSet<>();
      for (Vm vm : fleet.hypervisor.vms()) {
        if (vm.asid() != 0) {
          keys.add(fleet.keys.exported(vm.asid(), fleet.memory.engine()));
        }
      }
      assertEquals(Fleet.GUESTS + 2, keys.size());
      awaitInstructions(first);
      first.close();
      awaitInstructions(second);
      for (Fleet.Member member : fleet.members) {
        assertEquals(member.secret(), member.shell().ask("cat /run/redoubt/secret"));
      }
    }
  }

  private static void awaitInstructions(Vm vm) {
    long before = vm.stats().getFirst().instructions();
    Services.await(
        "instructions of " + vm.config().name(),
        () -> vm.stats().getFirst().instructions() > before + 1_000_000);
  }

  // Attacks, each named

  @Test
  @Order(7)
  void attackDictionary_shouldFindNoEqualCiphertextOfEqualMemory() throws Exception {
    Fleet fleet = Fleet.get();
    Vm one = fleet.member(0).vm();
    Vm other = fleet.member(1).vm();
    one.pause();
    other.pause();
    fleet.memory.flush();
    int samePages = 0;
    for (long gpa = 0; gpa < Fleet.GUEST_BYTES && samePages < 2000; gpa += PAGE) {
      long spa = one.spa(gpa).orElseThrow();
      long otherSpa = other.spa(gpa).orElseThrow();
      if (fleet.memory.pageInfo(spa).tag() != one.asid()
          || fleet.memory.pageInfo(otherSpa).tag() != other.asid()
          || !Arrays.equals(fleet.page(one.asid(), spa), fleet.page(other.asid(), otherSpa))) {
        continue;
      }
      samePages++;
      byte[] cipher = fleet.dram(spa);
      byte[] otherCipher = fleet.dram(otherSpa);
      for (int at = 0; at < PAGE; at += BLOCK) {
        int from = at;
        assertFalse(
            Arrays.equals(cipher, at, at + BLOCK, otherCipher, at, at + BLOCK),
            () -> "equal ciphertext at %x + %x".formatted(spa, from));
      }
    }
    note("two guests have " + samePages + " pages the same, and no block of ciphertext");
    assertTrue(samePages >= 100, "only " + samePages + " pages are the same");
    one.resume();
    other.resume();
  }

  @Test
  @Order(8)
  void attackSplice_shouldDecryptMovedCiphertextToGarbage() throws Exception {
    Fleet fleet = Fleet.get();
    Fleet.Member guest = fleet.member(2);
    Vm vm = guest.vm();
    guest.shell().ask("yes AAAAAAAAAAAAAAA | head -c 4096 > /tmp/a");
    guest.shell().ask("yes BBBBBBBBBBBBBBB | head -c 4096 > /tmp/b");
    vm.pause();
    byte[] cipherOfA = fleet.page(0, pagesOf(fleet, vm, TEXT_A).getFirst());
    Set<String> sums = new HashSet<>();
    for (long b : pagesOf(fleet, vm, TEXT_B)) { // the file, and what pipes have left
      write(fleet, b, cipherOfA);
      byte[] seen = fleet.page(vm.asid(), b);
      for (int at = 0; at < PAGE; at += BLOCK) {
        String block = new String(seen, at, BLOCK, StandardCharsets.ISO_8859_1);
        assertNotEquals(TEXT_A, block);
        assertNotEquals(TEXT_B, block);
      }
      assertEquals(PAGE / BLOCK, distinctBlocks(seen), "the tweak garbles each block another way");
      sums.add(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(seen)));
    }
    vm.resume();
    String sum = guest.shell().ask("sha256sum /tmp/b | cut -c 1-64");
    assertTrue(sums.contains(sum), "the guest reads what it should not: " + sum);
    assertTrue(guest.shell().ask("uniq /tmp/a").startsWith("AAAAAAAAAAAAAAA"));
  }

  /** SEV has no integrity: this attack works, as it does on hardware without SNP. */
  @Test
  @Order(9)
  void attackReplay_shouldBringBackOldTextInPlaceForSevHasNoIntegrity() throws Exception {
    Fleet fleet = Fleet.get();
    Fleet.Member guest = fleet.member(2);
    Vm vm = guest.vm();
    vm.pause();
    Map<Long, byte[]> old = new HashMap<>();
    for (long a : pagesOf(fleet, vm, TEXT_A)) {
      old.put(a, fleet.page(0, a));
    }
    vm.resume();
    guest
        .shell()
        .ask(
            "yes CCCCCCCCCCCCCCC | dd of=/tmp/a bs=4096 count=1 iflag=fullblock conv=notrunc"
                + " 2>/dev/null");
    assertTrue(guest.shell().ask("uniq /tmp/a").startsWith("CCCCCCCCCCCCCCC"));
    vm.pause();
    for (long a : pagesOf(fleet, vm, "CCCCCCCCCCCCCCC\n")) {
      if (old.containsKey(a)) {
        write(fleet, a, old.get(a));
      }
    }
    vm.resume();
    assertTrue(guest.shell().ask("uniq /tmp/a").startsWith("AAAAAAAAAAAAAAA"), "replayed");
  }

  @Test
  @Order(10)
  void attackCodePatch_shouldGarbleWholeBlocksOfKernelTextAndKillTheGuest() throws Exception {
    Fleet fleet = Fleet.get();
    Fleet.Member guest = fleet.member(0);
    Vm vm = guest.vm();
    vm.pause();
    // Where SYSCALL enters the kernel: two bytes, in the middle of a block.
    CpuState state = vm.registers(0);
    long entry = Objects.requireNonNull(state.msr.get(LSTAR), "LSTAR");
    long text = walk(fleet, vm, state.cr3, entry, 0);
    attack(fleet, vm, text + 6, new byte[] {(byte) 0x90, (byte) 0x90});
    vm.resume();
    assertDies(fleet, guest);
  }

  @Test
  @Order(11)
  void attackPageTable_shouldGarbleWholeBlocksOfEntriesAndKillTheGuest() throws Exception {
    Fleet fleet = Fleet.get();
    Fleet.Member guest = fleet.member(1);
    Vm vm = guest.vm();
    vm.pause();
    // Above the interrupt table, in a table that all processes have: no exception can be delivered.
    CpuState state = vm.registers(0);
    long entry = walk(fleet, vm, state.cr3, state.idtBase, PUD_SHIFT);
    attack(fleet, vm, entry, new byte[] {0x63});
    fleet.memory.wbinvd(); // what the TLB holds goes with the cache
    vm.resume();
    assertDies(fleet, guest);
  }

  /** Writes into a private page as the host can, and checks which blocks garble. */
  private static void attack(Fleet fleet, Vm vm, long spa, byte[] bytes) {
    long page = spa & -PAGE;
    byte[] before = fleet.page(vm.asid(), page);
    byte[] cipher = fleet.page(0, page);
    byte[] planned = bytes.clone();
    int offset = (int) (spa - page);
    if (Arrays.equals(cipher, offset, offset + bytes.length, planned, 0, planned.length)) {
      planned[0]++; // it was that already
    }
    fleet.memory.view(0).write(spa, MemorySegment.ofArray(planned));
    byte[] after = fleet.page(vm.asid(), page);
    int first = offset & -BLOCK;
    for (int at = 0; at < PAGE; at += BLOCK) {
      boolean hit = at == first || at > first && at < offset + bytes.length;
      int equal = 0;
      for (int i = at; i < at + BLOCK; i++) {
        equal += before[i] == after[i] ? 1 : 0;
      }
      assertTrue(
          hit ? equal < 8 : equal == BLOCK, "block at %x: %d bytes kept".formatted(at, equal));
    }
  }

  /**
   * Ended, mostly by a reset after a panic or a triple fault; or, where garbage came to run that
   * loops for ever, deaf: it does not answer.
   */
  private static void assertDies(Fleet fleet, Fleet.Member victim) throws Exception {
    victim.shell().type("uname -a; echo alive-$((6*7))");
    Optional<VmEnd> end = victim.vm().await(DEATH);
    note(
        victim.name()
            + ": "
            + end.map(VmEnd::report).orElse("deaf").lines().findFirst().orElse(""));
    assertFalse(victim.shell().text().contains("alive-42"), "it lives");
    if (end.isPresent()) {
      VmEnd.Cause cause = end.get().cause();
      assertTrue(cause == VmEnd.Cause.CRASHED || cause == VmEnd.Cause.RESET, end::toString);
    }
    victim.vm().stop();
    for (Fleet.Member other : fleet.living()) {
      assertEquals("alive", other.shell().ask("echo alive"));
    }
  }

  @Test
  @Order(12)
  void shouldRunAnotherGuestWhenAllOthersAreDead() throws Exception {
    Fleet fleet = Fleet.get();
    fleet.members.forEach(member -> member.vm().close());
    Path kernel = Files.write(fleet.folder.resolve("exit"), HandMadeKernel.of(EXIT_100));
    try (Vm vm = fleet.hypervisor.create(fleet.encrypted("last", kernel))) {
      vm.start();
      assertEquals(100, vm.await(DEATH).orElseThrow().exitCode());
    }
    fleet.close();
  }

  // The test's own means

  /** Where a paused guest has pages that hold these words all over. */
  private static List<Long> pagesOf(Fleet fleet, Vm vm, String words) {
    byte[] wanted = words.repeat(PAGE / words.length()).getBytes(StandardCharsets.US_ASCII);
    List<Long> found = new ArrayList<>();
    for (long spa : fleet.privatePages(vm)) {
      if (Arrays.equals(wanted, fleet.page(vm.asid(), spa))) {
        found.add(spa);
      }
    }
    assertFalse(found.isEmpty(), "no page of " + words);
    return found;
  }

  private static void write(Fleet fleet, long spa, byte[] bytes) {
    fleet.memory.view(0).write(spa, MemorySegment.ofArray(bytes));
  }

  private static int distinctBlocks(byte[] page) {
    Set<String> blocks = new HashSet<>();
    for (int at = 0; at < PAGE; at += BLOCK) {
      blocks.add(HexFormat.of().formatHex(page, at, at + BLOCK));
    }
    return blocks.size();
  }

  /**
   * A page-table walk with the guest's key: four levels, large pages too.
   *
   * @param shift the lowest address bit of an entry's index, for that entry's own address; 0 for
   *     the address of what is mapped
   * @return a system-physical address
   */
  private static long walk(Fleet fleet, Vm vm, long cr3, long gva, int shift) {
    long table = cr3 & ADDRESS;
    for (int now = 39; now >= 12; now -= 9) {
      long at = vm.spa(table + (gva >>> now & 511) * 8).orElseThrow();
      if (now == shift) {
        return at;
      }
      long entry = fleet.memory.view(vm.asid()).getLong(at);
      assertEquals(1, entry & 1, "not present");
      if (now == 12 || (entry & 0x80) != 0) {
        long offset = (1L << now) - 1;
        return vm.spa((entry & ADDRESS & ~offset) | gva & offset).orElseThrow();
      }
      table = entry & ADDRESS;
    }
    throw new AssertionError();
  }
}
