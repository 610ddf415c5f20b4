package org.redoubt.testkit.guest;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.guest.GuestLoader;
import org.redoubt.api.guest.LaunchPlan;
import org.redoubt.api.guest.LaunchRequest;
import org.redoubt.spec.x86.Msr;

/**
 * The exam of a {@link GuestLoader}: extend it, supply the loader and small images that it can
 * load. The property {@value #INPUTS} sets how many mutated images each is examined with, {@value
 * #SEED} with which ones.
 */
public abstract class GuestLoaderContract {
  /** System property: mutated images for each image. */
  public static final String INPUTS = "redoubt.fuzz";

  /** System property: the seed that mutations begin with. */
  public static final String SEED = "redoubt.fuzz.seed";

  private static final int PAGE = 4096;
  private static final int HEAD = 64 << 10;
  private static final long MEMORY = 64L << 20;
  private static final long LOW_END = 0xC000_0000L;
  private static final long HIGH = 1L << 32;
  private static final int C_BIT = 47;
  private static final int SECRET = 1024;
  private static final int DEFAULT_INPUTS = 4000;

  /** Inputs that share a limit of time, which is generous: it takes hangs only. */
  private static final int BATCH = 1000;

  private static final Duration NO_HANG = Duration.ofMinutes(5);

  /** What a plan for one of these small images may take for itself, in bytes. */
  private static final long MOST_ALLOCATED = 400L << 20;

  private static final long CR0_PE = 1;
  private static final long CR0_PG = 1L << 31;
  private static final long CR0_NW_WITHOUT_CD = 1L << 29;
  private static final long CR0_CD = 1L << 30;
  private static final long CR4_PAE = 1 << 5;
  private static final long EFER_LME = 1 << 8;
  private static final long EFER_LMA = 1 << 10;

  /** Makes a loader, once for each test. */
  protected abstract GuestLoader loader();

  /**
   * Images that the loader loads into 64 MiB, each of another kind; a few KiB each, so that mutated
   * ones come quickly.
   */
  protected abstract List<byte[]> images();

  /** Whether its guests can be SEV guests; one that says no must refuse them. */
  protected boolean supportsSev() {
    return true;
  }

  // What it is asked

  /**
   * A request for one of the images, in 64 MiB.
   *
   * @param initrd empty for none
   * @param sev whether the guest is encrypted, with room for a secret
   */
  protected static LaunchRequest request(byte[] image, byte[] initrd, boolean sev) {
    return request(MemorySegment.ofArray(image), MemorySegment.ofArray(initrd), MEMORY, sev);
  }

  private static LaunchRequest request(
      MemorySegment image, MemorySegment initrd, long memory, boolean sev) {
    return new LaunchRequest(
        image,
        initrd.byteSize() == 0 ? Optional.empty() : Optional.of(initrd),
        "console=ttyS0 quiet",
        memory,
        2,
        sev ? C_BIT : 0,
        sev ? SECRET : 0);
  }

  private List<LaunchRequest> requests() {
    List<LaunchRequest> all = new ArrayList<>();
    for (byte[] image : images()) {
      for (byte[] initrd : new byte[][] {new byte[0], sample(1), sample(PAGE), sample(PAGE + 7)}) {
        all.add(request(image, initrd, false));
        if (supportsSev()) {
          all.add(request(image, initrd, true));
        }
      }
    }
    return all;
  }

  private static byte[] sample(int bytes) {
    byte[] out = new byte[bytes];
    Arrays.fill(out, (byte) 0x5A);
    return out;
  }

  private static byte[] head(byte[] image) {
    return Arrays.copyOf(image, Math.min(HEAD, image.length));
  }

  // What it answers

  @Test
  final void shouldKnowItsImagesByTheirHeads() {
    GuestLoader loader = loader();
    assertFalse(images().isEmpty(), "the exam needs an image");
    for (byte[] image : images()) {
      byte[] head = head(image);
      byte[] before = head.clone();
      assertTrue(loader.accepts(head), "an image of its own");
      assertArrayEquals(before, head, "the head was changed");
    }
    for (byte[] other : new byte[][] {new byte[0], new byte[1], new byte[HEAD], sample(HEAD)}) {
      assertFalse(
          loader.accepts(other), () -> "accepted %d bytes of nothing".formatted(other.length));
    }
  }

  @Test
  final void shouldGiveTheSamePlanForTheSameRequest() throws HypervisorException {
    GuestLoader other = loader();
    GuestLoader loader = loader();
    for (LaunchRequest request : requests()) {
      LaunchPlan plan = loader.plan(request);
      assertSame(plan, loader.plan(request));
      assertSame(plan, other.plan(request));
      // From elsewhere in memory, not only by content of the same arrays.
      try (Arena arena = Arena.ofShared()) {
        assertSame(plan, loader.plan(moved(request, arena)));
      }
    }
  }

  private static LaunchRequest moved(LaunchRequest r, Arena arena) {
    return new LaunchRequest(
        moved(r.kernel(), arena),
        r.initrd().map(i -> moved(i, arena)),
        r.commandLine(),
        r.memoryBytes(),
        r.vcpus(),
        r.cBit(),
        r.secretBytes());
  }

  /** At an odd address, read-only. */
  private static MemorySegment moved(MemorySegment bytes, Arena arena) {
    MemorySegment room = arena.allocate(bytes.byteSize() + 1, 8).asSlice(1);
    return room.copyFrom(bytes).asReadOnly();
  }

  private static void assertSame(LaunchPlan one, LaunchPlan two) {
    assertEquals(one.regions().size(), two.regions().size());
    for (int i = 0; i < one.regions().size(); i++) {
      LaunchPlan.Region a = one.regions().get(i);
      LaunchPlan.Region b = two.regions().get(i);
      assertEquals(a.name(), b.name());
      assertEquals(a.gpa(), b.gpa(), a.name());
      assertEquals(-1, a.bytes().mismatch(b.bytes()), () -> a.name() + " differs");
    }
    assertEquals(one.entry().toString(), two.entry().toString());
    assertArrayEquals(one.entry().xsave, two.entry().xsave);
    assertEquals(one.entry().msr, two.entry().msr);
    assertEquals(one.secret(), two.secret());
  }

  @Test
  final void shouldPutWholePagesIntoRamWithoutOverlap() throws HypervisorException {
    for (LaunchRequest request : requests()) {
      check(request, loader().plan(request));
    }
  }

  /** What every plan must be. */
  private static void check(LaunchRequest request, LaunchPlan plan) {
    assertFalse(plan.regions().isEmpty(), "nothing is loaded");
    List<LaunchPlan.Region> sorted =
        plan.regions().stream().sorted(Comparator.comparingLong(LaunchPlan.Region::gpa)).toList();
    long end = 0;
    for (LaunchPlan.Region region : sorted) {
      long bytes = region.bytes().byteSize();
      assertFalse(region.name().isBlank(), "a region without a name");
      assertEquals(0, region.gpa() % PAGE, region::name);
      assertEquals(0, bytes % PAGE, region::name);
      assertNotEquals(0, bytes, region::name);
      assertTrue(region.gpa() >= end, () -> region.name() + " overlaps the one below it");
      end = region.gpa() + bytes;
      assertTrue(isRam(request, region.gpa(), bytes), () -> region.name() + " lies outside of RAM");
      assertTrue(region.bytes().isReadOnly(), () -> region.name() + " can be written");
    }
    checkSecret(request, plan);
    checkEntry(plan);
  }

  private static boolean isRam(LaunchRequest request, long gpa, long bytes) {
    long low = Math.min(request.memoryBytes(), LOW_END);
    return gpa >= 0 && gpa + bytes <= low
        || gpa >= HIGH && gpa + bytes <= HIGH + request.memoryBytes() - low;
  }

  private static void checkSecret(LaunchRequest request, LaunchPlan plan) {
    if (request.secretBytes() == 0) {
      assertEquals(Optional.empty(), plan.secret(), "nobody asked for a secret's room");
      return;
    }
    LaunchPlan.SecretArea secret =
        plan.secret().orElseThrow(() -> new AssertionError("no room for a secret"));
    assertTrue(secret.bytes() >= request.secretBytes(), "too little room for the secret");
    assertEquals(0, secret.gpa() % 16);
    assertEquals(0, secret.bytes() % 16);
    LaunchPlan.Region region =
        plan.regions().stream()
            .filter(r -> secret.gpa() >= r.gpa() && secret.gpa() < r.gpa() + r.bytes().byteSize())
            .findFirst()
            .orElseThrow(() -> new AssertionError("the secret's room is in no region"));
    byte[] blank =
        region
            .bytes()
            .asSlice(secret.gpa() - region.gpa(), secret.bytes())
            .toArray(ValueLayout.JAVA_BYTE);
    assertArrayEquals(new byte[blank.length], blank, "the secret's room is not blank");
  }

  /** What a processor can be in, by APM Vol. 2, section 15.5.1, and begins in a region. */
  private static void checkEntry(LaunchPlan plan) {
    CpuState entry = plan.entry();
    long efer = entry.msr.getOrDefault(Msr.EFER, 0L);
    boolean paging = (entry.cr0 & CR0_PG) != 0;
    boolean longMode = (efer & EFER_LMA) != 0;
    assertFalse(paging && (entry.cr0 & CR0_PE) == 0, "paging without protection");
    assertFalse((entry.cr0 & CR0_NW_WITHOUT_CD) != 0 && (entry.cr0 & CR0_CD) == 0, "NW without CD");
    assertEquals(paging && (efer & EFER_LME) != 0, longMode, "LMA is paging and LME");
    assertFalse(longMode && (entry.cr4 & CR4_PAE) == 0, "long mode without PAE");
    assertEquals(2, entry.rflags & 0x2A, "RFLAGS' constant bits");
    assertEquals(0, entry.rflags & 0x2_0300, "VM, IF and TF are off");
    assertEquals(0, entry.dr[6] >>> 32);
    assertEquals(0, entry.dr[7] >>> 32);
    assertFalse(entry.halted, "the guest would never begin");
    long at = longMode ? entry.rip : entry.base[CpuState.CS] + entry.rip & 0xFFFF_FFFFL;
    if (!paging || longMode) {
      assertTrue(
          plan.regions().stream()
              .anyMatch(r -> at >= r.gpa() && at < r.gpa() + r.bytes().byteSize()),
          () -> "the guest begins at %xh, in no region".formatted(at));
    }
    if (paging) {
      assertTrue(
          plan.regions().stream()
              .anyMatch(r ->
                  (entry.cr3 & -PAGE) >= r.gpa()
                      && (entry.cr3 & -PAGE) < r.gpa() + r.bytes().byteSize()),
          "the page tables are in no region");
    }
  }

  @Test
  final void shouldLeaveTheImagesAsTheyWere() throws HypervisorException {
    for (LaunchRequest request : requests()) {
      byte[] kernel = request.kernel().toArray(ValueLayout.JAVA_BYTE);
      byte[] initrd = request.initrd().orElse(MemorySegment.NULL).toArray(ValueLayout.JAVA_BYTE);
      LaunchPlan plan = loader().plan(request);
      assertArrayEquals(kernel, request.kernel().toArray(ValueLayout.JAVA_BYTE));
      assertArrayEquals(
          initrd, request.initrd().orElse(MemorySegment.NULL).toArray(ValueLayout.JAVA_BYTE));
      if (initrd.length >= PAGE) {
        assertTrue(
            plan.regions().stream()
                .anyMatch(r ->
                    r.bytes().byteSize() >= initrd.length
                        && r.bytes()
                                .asSlice(0, initrd.length)
                                .mismatch(MemorySegment.ofArray(initrd))
                            == -1),
            "the initrd is in no region");
      }
    }
  }

  @Test
  final void shouldUseMemoryBeyondFourGiBAsRam() throws HypervisorException {
    for (byte[] image : images()) {
      LaunchRequest request =
          request(
              MemorySegment.ofArray(image), MemorySegment.ofArray(sample(PAGE)), 5L << 30, false);
      check(request, loader().plan(request));
    }
  }

  @Test
  final void shouldRefuseWhatDoesNotFitInOneLine() {
    GuestLoader loader = loader();
    for (byte[] image : images()) {
      MemorySegment kernel = MemorySegment.ofArray(image);
      MemorySegment none = MemorySegment.ofArray(new byte[0]);
      assertRefused(loader, request(kernel, none, PAGE, false), "a page of memory");
      assertRefused(loader, request(kernel, none, 0, false), "no memory");
      assertRefused(
          loader,
          request(kernel, MemorySegment.ofArray(new byte[(int) MEMORY]), MEMORY, false),
          "an initrd as large as memory");
      for (int length = 0; length < 16; length++) {
        assertRefused(
            loader, request(kernel.asSlice(0, length), none, MEMORY, false), "a truncated image");
      }
      if (!supportsSev()) {
        assertRefused(loader, request(kernel, none, MEMORY, true), "an SEV guest");
      }
    }
  }

  private static void assertRefused(GuestLoader loader, LaunchRequest request, String what) {
    HypervisorException refusal =
        assertThrows(HypervisorException.class, () -> loader.plan(request), what);
    assertOneLine(refusal);
  }

  private static void assertOneLine(HypervisorException refusal) {
    String text = String.valueOf(refusal.getMessage());
    assertFalse(text.isBlank(), "refused without a reason");
    assertEquals(1, text.lines().count(), () -> "more than a line: " + text);
  }

  @Test
  final void shouldRefuseOrPlanAnyCommandLineAndSize() {
    GuestLoader loader = loader();
    String nul = "a\0b";
    for (byte[] image : images()) {
      for (String line : List.of("", "x".repeat(4096), "x".repeat(1 << 20), nul, "\u00fc\n")) {
        for (int vcpus : new int[] {-1, 0, 1, 64, 300, Integer.MAX_VALUE}) {
          for (long memory : new long[] {-PAGE, PAGE - 1, 1 << 20, 2 << 20, MEMORY, 1L << 46}) {
            LaunchRequest request =
                new LaunchRequest(
                    MemorySegment.ofArray(image), Optional.empty(), line, memory, vcpus, 0, 0);
            String which =
                "%d characters, %d vCPUs, %d bytes".formatted(line.length(), vcpus, memory);
            examine(loader, request, which);
          }
        }
      }
    }
  }

  @Test
  final void shouldRefuseOrLoadEveryTruncationOfAnImage() {
    GuestLoader loader = loader();
    for (byte[] image : images()) {
      for (int length = 0; length < image.length; length += length < 1024 ? 1 : 97) {
        examine(loader, Arrays.copyOf(image, length), "%d bytes".formatted(length));
      }
    }
  }

  /** No exception but the one, no hang, and memory in bounds, whatever the image is. */
  @Test
  final void shouldRefuseOrLoadMutatedImages() {
    GuestLoader loader = loader();
    int inputs = Integer.getInteger(INPUTS, DEFAULT_INPUTS);
    long seed = Long.getLong(SEED, 1);
    for (byte[] image : images()) {
      int refused = 0;
      long start = System.nanoTime();
      for (int done = 0; done < inputs; done += BATCH) {
        long from = seed + done;
        int count = Math.min(BATCH, inputs - done);
        refused +=
            assertTimeoutPreemptively(
                NO_HANG,
                () -> examineMutants(loader, image, from, count),
                () -> "a hang in seeds %d to %d".formatted(from, from + count - 1));
      }
      if (inputs > DEFAULT_INPUTS) {
        System.out.printf(
            "%s: %d mutated images of %d bytes, %d refused, %d loaded, in %d s%n",
            getClass().getSimpleName(),
            inputs,
            image.length,
            refused,
            inputs - refused,
            (System.nanoTime() - start) / 1_000_000_000);
      }
    }
  }

  /** How many were refused. */
  private static int examineMutants(GuestLoader loader, byte[] image, long from, int count) {
    int refused = 0;
    for (long seed = from; seed < from + count; seed++) {
      refused += examine(loader, Mutant.of(image, seed), "seed %d".formatted(seed)) ? 1 : 0;
    }
    return refused;
  }

  /** Whether it was refused. */
  private static boolean examine(GuestLoader loader, byte[] image, String which) {
    try {
      loader.accepts(head(image));
    } catch (RuntimeException | Error e) {
      throw new AssertionError("%s: %s".formatted(which, e), e);
    }
    return examine(loader, request(image, new byte[PAGE + 1], false), which);
  }

  private static boolean examine(GuestLoader loader, LaunchRequest request, String which) {
    long before = Allocated.byThisThread();
    try {
      LaunchPlan plan = loader.plan(request);
      assertNotNull(plan, which);
      check(request, plan);
      return false;
    } catch (HypervisorException e) {
      assertOneLine(e);
      return true;
    } catch (RuntimeException | Error e) {
      throw new AssertionError("%s: %s".formatted(which, e), e);
    } finally {
      long took = Allocated.byThisThread() - before;
      assertTrue(took < MOST_ALLOCATED, () -> "%s took %d MiB".formatted(which, took >> 20));
    }
  }

  @Test
  final void shouldPlanOnSeveralThreadsAtOnce() throws Exception {
    GuestLoader loader = loader();
    LaunchRequest request = requests().getLast();
    LaunchPlan expected = loader.plan(request);
    Callable<Boolean> planner =
        () -> {
          for (int i = 0; i < 20; i++) {
            assertSame(expected, loader.plan(request));
          }
          return true;
        };
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      for (Future<Boolean> f : threads.invokeAll(List.of(planner, planner, planner, planner))) {
        assertTrue(f.get());
      }
    }
  }
}
