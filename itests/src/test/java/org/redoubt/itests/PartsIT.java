package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.Vm;
import org.redoubt.api.vm.VmEnd;
import org.redoubt.itests.container.InsideRedoubt;

/**
 * A device, an MMU, a CPU engine and a memory system from outside of this repository, in place of
 * ours in a running system: plain and encrypted guests run on them.
 */
@ExtendWith(InsideRedoubt.class)
class PartsIT {
  /** Writes "hello" to port E9h, then anything to port F4h; and waits for the end. */
  private static final String HELLO =
      """
      b068 e6e9 ; mov al, 'h'; out 0E9h, al
      b065 e6e9
      b06c e6e9
      b06c e6e9
      b06f e6e9
      b010 e6f4 ; mov al, 10h; out 0F4h, al
      fa f4 ebfd
      """;

  @TempDir private Path folder;

  @AfterEach
  void stopAll() {
    Services.get(Hypervisor.class).vms().forEach(Vm::close);
  }

  private int run(String name, String more) throws Exception {
    Path kernel = Files.write(folder.resolve("kernel"), HandMadeKernel.ofListing(HELLO));
    new Shell()
        .run("vm:create --name %s --memory 64M --kernel %s %s".formatted(name, kernel, more));
    Vm vm = Services.get(Hypervisor.class).vm(name).orElseThrow();
    new Shell().run("vm:start " + name);
    Optional<VmEnd> end = vm.await(Duration.ofMinutes(5));
    vm.close();
    assertEquals(VmEnd.Cause.DEBUG_EXIT, end.orElseThrow().cause());
    return end.get().exitCode();
  }

  private static long count(Bundle bundle, String what) throws ReflectiveOperationException {
    return ((AtomicLong) bundle.loadClass("com.example.machine.Counters").getField(what).get(null))
        .get();
  }

  private static long[] counts(Bundle bundle) throws ReflectiveOperationException {
    return new long[] {count(bundle, "RUNS"), count(bundle, "WALKS"), count(bundle, "PAGES")};
  }

  @Test
  void shouldRunGuestsOnPartsFromElsewhereWhileTheyAreThere() throws Exception {
    int ours = run("before", "--protection none");
    Bundle vendor =
        Services.context().installBundle(Examples.build("my-machine", folder).toUri().toString());
    vendor.start();
    try {
      long[] before = counts(vendor);
      String byName = "--cpu-engine interpreter --mmu walk --memory-system soc --protection none";
      run("by-name", byName);
      assertArrayEquals(before, counts(vendor), "runs, walks and pages while ours were asked for");
      for (String protection : new String[] {"none", "sev"}) {
        long runs = count(vendor, "RUNS");
        long walks = count(vendor, "WALKS");
        long pages = count(vendor, "PAGES");
        int code =
            run(
                "on-" + protection,
                "--cpu-engine counting --mmu counting --memory-system counting --protection "
                    + protection);
        assertEquals(5, code, "characters that the vendor's device saw");
        assertTrue(count(vendor, "RUNS") > runs, "the vendor's CPU engine ran nothing");
        assertTrue(count(vendor, "WALKS") > walks, "the vendor's MMU walked nothing");
        assertTrue(count(vendor, "PAGES") > pages, "the vendor's memory gave no page");
      }
    } finally {
      vendor.uninstall();
    }
    for (String[] part :
        new String[][] {
          {"--cpu-engine", "CPU engine"}, {"--mmu", "MMU"}, {"--memory-system", "memory system"}
        }) {
      AssertionError gone =
          assertThrows(
              AssertionError.class,
              () -> run("gone", "--protection none %s counting".formatted(part[0])));
      assertTrue(
          String.valueOf(gone.getMessage())
              .contains("No %s is called 'counting'".formatted(part[1])),
          gone::getMessage);
    }
    assertEquals(ours, run("after", "--protection none"), "ours are back");
  }
}
