package org.redoubt.x86.exec.silicon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.redoubt.spec.x86.Rflags;
import org.redoubt.x86.decode.Form;
import org.redoubt.x86.decode.Op;

/**
 * Every instruction in every form, against the host's own silicon: registers, flags, memory,
 * exceptions.
 *
 * <p>The forms come from the decoder's maps, so nothing can be forgotten; what is left out stands
 * in {@link Exclusions}, counted. On an x86-64 Linux host this runs; on any other there is no
 * silicon to ask, and it does not apply.
 *
 * <pre>
 *   -Dsilicon.cases=100000   cases per form, 500 by default: some 25 s of CPU
 *   -Dsilicon.seed=1         to repeat a run; every failure names its seed
 *   -Dsilicon.op=FADD        only these operations, a regular expression
 *   -Dsilicon.part=1/2       every second form, from the second one: for two processes at a time
 *   -Dsilicon.done=FILE      forms that are done are noted there, and left out by the next run
 * </pre>
 */
class SiliconTest {
  private static final int CASES = Integer.getInteger("silicon.cases", 500);

  private static final long SEED = Long.getLong("silicon.seed", System.nanoTime());
  private static final String ONLY = System.getProperty("silicon.op", ".*");
  private static final String PART = System.getProperty("silicon.part", "0/1");
  private static final String DONE = System.getProperty("silicon.done", "");
  private static final int SHOWN = Integer.getInteger("silicon.shown", 20);

  /** Between the seeds of two forms. */
  private static final long FORM_STEP = 0x1_0000_0000L;

  @Test
  void shouldAgreeWithSiliconInEveryForm() throws IOException {
    compareForms(0, CASES);
  }

  /** Alignment checking on, operands aligned or not: #AC where silicon raises it. */
  @Test
  void shouldAgreeWithSiliconInEveryFormWhenAlignmentIsChecked() throws IOException {
    compareForms(Rflags.AC, Math.max(CASES / 5, 1));
  }

  private static void compareForms(long extraFlags, int cases) throws IOException {
    Assumptions.assumeTrue(HostCpu.applicable(), "not applicable: the host is no x86-64 Linux");
    List<String> failures = new ArrayList<>();
    final int part = Integer.parseInt(PART.substring(0, PART.indexOf('/')));
    final int parts = Integer.parseInt(PART.substring(PART.indexOf('/') + 1));
    final Set<String> done = done();
    int forms = 0;
    int compared = 0;
    int failed = 0;
    long started = System.nanoTime();
    HostFeatures features = new HostFeatures();
    Map<String, Integer> objections = new TreeMap<>();
    try (HostCpu host = new HostCpu(features.avx());
        GuestSide guest = new GuestSide()) {
      List<Form> all = Form.all();
      Trial trial = new Trial(host, guest, all.getFirst(), extraFlags);
      for (int i = 0; i < all.size(); i++) {
        Form form = all.get(i);
        String objection = features.objection(form);
        if (!objection.isEmpty()) {
          objections.merge(objection, 1, Integer::sum);
        } else if (Exclusions.of(form, extraFlags).isEmpty() && form.op().name().matches(ONLY)) {
          forms++;
          String line = "%d %x %d".formatted(i, extraFlags, cases);
          if (i % parts == part && !done.contains(line)) {
            boolean same = compare(trial, form, SEED + i * FORM_STEP, cases, failures);
            failed += same ? 0 : 1;
            compared++;
            note(same, line);
          }
        }
      }
    }
    System.out.printf(
        "silicon: %d of %d forms, %d cases each, seed %d, %d ms%n",
        compared, forms, cases, SEED, (System.nanoTime() - started) / 1_000_000);
    assertTrue(
        failures.isEmpty(),
        () -> "Seed %d; the first differences:%n%s".formatted(SEED, String.join("\n", failures)));
    assertEquals(0, failed);
    objections.forEach((why, n) -> System.out.printf("silicon: %d forms left out: %s%n", n, why));
    assertTrue(forms > 5000 || !ONLY.equals(".*"), "only " + forms + " forms");
  }

  private static Set<String> done() throws IOException {
    Path file = Path.of(DONE);
    return DONE.isEmpty() || Files.notExists(file)
        ? Set.of()
        : new HashSet<>(Files.readAllLines(file));
  }

  private static void note(boolean same, String line) throws IOException {
    if (same && !DONE.isEmpty()) {
      Files.writeString(
          Path.of(DONE), line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }
  }

  private static boolean compare(
      Trial trial, Form form, long seed, int cases, List<String> failures) {
    for (int i = 0; i < cases; i++) {
      String difference = trial.run(form, seed + i);
      if (!difference.isEmpty()) {
        if (failures.size() < SHOWN) {
          failures.add("%s, case %d, seed %d%n%s".formatted(form, i, seed + i, difference));
        }
        return false;
      }
    }
    return true;
  }

  /**
   * The counted list of what is not compared. A line that goes away, or comes, changes a number
   * here.
   */
  @Test
  void shouldLeaveOutOnlyWhatIsListed() {
    Map<String, Integer> counts = new TreeMap<>();
    for (String reason : Exclusions.OPS.values()) {
      counts.merge(reason, 1, Integer::sum);
    }
    assertEquals(Exclusions.COUNTS, counts);
    Map<Op, Integer> compared = new EnumMap<>(Op.class);
    for (Form form : Form.all()) {
      if (Exclusions.of(form).isEmpty()) {
        compared.merge(form.op(), 1, Integer::sum);
      }
    }
    for (Op op : Op.values()) {
      boolean expected = op != Op.INVALID && !Exclusions.OPS.containsKey(op);
      assertEquals(expected, compared.containsKey(op), op + " is compared");
    }
    assertEquals(12, Exclusions.TOLERANCES.size());
    assertEquals(2, Exclusions.ALIGNMENT.size());
  }
}
