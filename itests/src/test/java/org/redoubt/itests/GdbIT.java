package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The stub for gdb, by a client that speaks its protocol; {@code itests/src/bench/gdb} does the
 * like with a real gdb and Debian's kernel.
 */
class GdbIT {
  private static final Duration LIMIT = Duration.ofMinutes(5);

  private static final int RAX = 0;
  private static final int RIP = 16;
  private static final String AND_LOOP = "1000203";

  /** Counts in EAX and at 200000h. */
  private static final String COUNT =
      """
      fa                  ; 1000200 cli
      31c0                ; 1000201 xor eax, eax
      ffc0                ; 1000203 inc eax
      89042500002000      ; 1000205 mov [200000h], eax
      ebf5                ; 100020c jmp 1000203
      """;

  private static final String TRIPLE_FAULT = "0f011d02000000 0f0b 00000000000000000000";

  /** Writes to the debug-exit port. */
  private static final String EXIT_7 = "b007 e6f4 f4";

  @TempDir private Path folder;

  private Launched run(String program, String... options) throws IOException {
    Path kernel = Files.write(folder.resolve("kernel"), HandMadeKernel.ofListing(program));
    List<String> all =
        new ArrayList<>(
            List.of("run", "--kernel", kernel.toString(), "--memory", "64M", "--gdb", "0"));
    all.addAll(List.of(options));
    return Launched.of(all.toArray(String[]::new));
  }

  @ParameterizedTest
  @CsvSource({"none, 0x0", "sev, 0x0"})
  void shouldBreakStepWatchAndWrite(String protection, String policy) throws Exception {
    List<String> options = new ArrayList<>(List.of("--wait", "--protection", protection));
    if (!protection.equals("none")) {
      options.addAll(List.of("--policy", policy));
    }
    try (Launched run = run(COUNT, options.toArray(String[]::new));
        GdbClient gdb = new GdbClient(GdbClient.port(run))) {
      assertTrue(gdb.ask("qSupported:swbreak+;hwbreak+").contains("swbreak+"));
      assertEquals("T05thread:1;", gdb.ask("?"));
      assertEquals(0x100_0200, gdb.register(RIP), "it has not begun");
      // A breakpoint, and nothing of it in memory.
      assertEquals("OK", gdb.ask("Z0," + AND_LOOP + ",1"));
      assertEquals("T05thread:1;swbreak:;", gdb.ask("vCont;c"));
      assertEquals(0x100_0203, gdb.register(RIP));
      assertEquals("ffc0", gdb.ask("m" + AND_LOOP + ",2"));
      // A step over it.
      assertEquals("T05thread:1;", gdb.ask("vCont;s:1"));
      assertEquals(0x100_0205, gdb.register(RIP));
      assertEquals(1, gdb.register(RAX));
      assertEquals("OK", gdb.ask("z0," + AND_LOOP + ",1"));
      // A watch: behind the store.
      assertEquals("OK", gdb.ask("Z2,200000,4"));
      assertEquals("T05thread:1;watch:200000;", gdb.ask("vCont;c"));
      assertEquals(0x100_020c, gdb.register(RIP));
      assertEquals("01000000", gdb.ask("m200000,4"));
      assertEquals("OK", gdb.ask("P0=4100000000000000"));
      assertEquals("T05thread:1;watch:200000;", gdb.ask("vCont;c"));
      assertEquals("42000000", gdb.ask("m200000,4"));
      assertEquals("OK", gdb.ask("z2,200000,4"));
      // Code that a debugger writes is executed: JMP to itself in place of INC.
      assertEquals("OK", gdb.ask("M200010,3:abcdef"));
      assertEquals("abcdef", gdb.ask("m200010,3"));
      assertEquals("OK", gdb.ask("M" + AND_LOOP + ",2:ebfe"));
      do {
        gdb.tell("vCont;c");
        gdb.interrupt();
        assertEquals("T02thread:1;", gdb.answer());
      } while (gdb.register(RIP) != 0x100_0203);
      assertEquals(0x42, gdb.register(RAX), "it jumps to itself");
      gdb.tell("k");
      assertStopped(run);
    }
  }

  private static void assertStopped(Launched run) throws InterruptedException {
    assertEquals(0, run.exitCode(LIMIT));
    assertTrue(run.err().contains("The VM was stopped."), run::err);
  }

  @Test
  void shouldShowEachVcpuAsAThread() throws Exception {
    try (Launched run = run(COUNT, "--protection", "none", "--smp", "3");
        GdbClient gdb = new GdbClient(GdbClient.port(run))) {
      assertEquals("m1,2,3", gdb.ask("qfThreadInfo"));
      assertEquals("OK", gdb.ask("Hg2"));
      assertEquals(0xfff0, gdb.register(RIP), "waits for SIPI");
      assertEquals("E0d", gdb.ask("P10=0000000000000000"));
      assertEquals("OK", gdb.ask("Hg1"));
      assertEquals(0x100_0200 >> 8, gdb.register(RIP) >> 8);
      // One alone steps.
      assertEquals("T05thread:1;", gdb.ask("vCont;s:1"));
      assertEquals("OK", gdb.ask("D"));
    }
  }

  @Test
  void shouldShowACrashBeforeTheVmEndsAndThenItsExitCode() throws Exception {
    try (Launched run = run(TRIPLE_FAULT, "--wait", "--protection", "none");
        GdbClient gdb = new GdbClient(GdbClient.port(run))) {
      assertEquals("T0bthread:1;", gdb.ask("vCont;c"));
      assertEquals(0x100_0207, gdb.register(RIP));
      assertEquals("W03", gdb.ask("vCont;c"));
      assertEquals(3, run.exitCode(LIMIT));
    }
    try (Launched run = run(EXIT_7, "--wait", "--protection", "none");
        GdbClient gdb = new GdbClient(GdbClient.port(run))) {
      String end = gdb.ask("c");
      assertEquals("W%02x".formatted(run.exitCode(LIMIT)), end);
    }
  }

  @Test
  void shouldTurnSecondClientsAndGarbageAwayAndGoOn() throws Exception {
    try (Launched run = run(COUNT, "--protection", "none")) {
      int port = GdbClient.port(run);
      try (GdbClient browser = new GdbClient(port)) {
        browser.raw("GET / HTTP/1.1\r\n\r\n");
        assertTrue(browser.isClosed());
      }
      try (GdbClient endless = new GdbClient(port)) {
        endless.raw("$" + "m".repeat(100_000));
        assertTrue(endless.isClosed());
      }
      try (GdbClient gdb = patient(port)) {
        assertEquals(0x100_0200 >> 8, gdb.register(RIP) >> 8);
        try (GdbClient second = new GdbClient(port)) {
          assertTrue(second.isClosed());
        }
        assertEquals("OK", gdb.ask("D"));
      }
      try (GdbClient gdb = patient(port)) {
        gdb.tell("c"); // and goes away while the guest runs
      }
      try (GdbClient gdb = patient(port)) {
        assertEquals("T05thread:1;", gdb.ask("?"));
        gdb.tell("k");
        assertTrue(gdb.isClosed()); // who leaves sooner may take the packet along
      }
      assertStopped(run);
      assertTrue(run.err().contains("the client sent a byte of 47h between packets"), run::err);
      assertTrue(run.err().contains("the client sent a packet of more than 16384 bytes"), run::err);
    }
  }

  /** The one before may not have been taken leave of yet. */
  private static GdbClient patient(int port) throws IOException, InterruptedException {
    long end = System.nanoTime() + LIMIT.toNanos();
    while (true) {
      GdbClient gdb = new GdbClient(port);
      try {
        gdb.ask("qSupported");
        return gdb;
      } catch (IOException e) {
        gdb.close();
        if (System.nanoTime() > end) {
          throw e;
        }
        Thread.sleep(50);
      }
    }
  }

  @Test
  void shouldObeyTheGuestsPolicyUnlessInTheLab() throws Exception {
    try (Launched run = run(COUNT)) {
      assertEquals(2, run.exitCode(LIMIT));
      assertTrue(run.err().contains("forbids debugging (NODBG); --lab ignores it"), run::err);
      assertFalse(run.err().contains("target remote"), run::err);
    }
    try (Launched run = run(COUNT, "--lab");
        GdbClient gdb = new GdbClient(GdbClient.port(run))) {
      assertTrue(run.err().contains("--lab: the guest's debug policy is ignored."), run::err);
      assertEquals("ffc0", gdb.ask("m" + AND_LOOP + ",2"));
      gdb.tell("k");
      assertStopped(run);
    }
  }

  @Test
  void shouldAttachFromTheShell() throws Exception {
    Path kernel = Files.write(folder.resolve("kernel"), HandMadeKernel.ofListing(COUNT));
    try (Launched shell = Launched.of()) {
      shell.type("vm:create --name a --memory 64M --protection none --kernel %s".formatted(kernel));
      shell.type("vm:gdb a 0 --wait");
      try (GdbClient gdb = new GdbClient(GdbClient.port(shell))) {
        assertEquals(0x100_0200, gdb.register(RIP));
        assertEquals("OK", gdb.ask("Z1," + AND_LOOP + ",1"));
        assertEquals("T05thread:1;", gdb.ask("c"), "continuing starts it");
        assertEquals("OK", gdb.ask("D"));
      }
      shell.type("vm:gdb a 99999");
      shell.type("vm:gdb b");
      shell.type("exit");
      shell.type(""); // a script is looked at line by line
      assertEquals(2, shell.exitCode(LIMIT), shell::err);
      assertTrue(shell.err().contains("Port 99999: they go from 0 to 65535"), shell::err);
    }
  }
}
