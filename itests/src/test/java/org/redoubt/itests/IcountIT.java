package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Runs by the instruction count: the same again, and again from a recording. */
class IcountIT {
  private static final Duration LIMIT = Duration.ofMinutes(10);
  private static final Pattern HASH = Pattern.compile("State hash ([0-9a-f]{64}) after (.*)");

  /** Prints '>', echoes two bytes, keeps in memory what time and chance are, and leaves with 7. */
  private static final String ECHO =
      """
      fc                  ; cld
      31ed                ; xor ebp, ebp
      66baf803 b03e ee    ; mov dx, 3f8h; out '>'
                          ; again:
      0f31                ; rdtsc
      8904ad00002000      ; mov [200000h + ebp * 4], eax
      ffc5                ; inc ebp
      81e5ff030000        ; and ebp, 3ffh
      e440 02d8           ; in al, 40h; add bl, al
      480fc7f0 4801c6     ; rdrand rax; add rsi, rax
      bf00003000 b9ff1f0000 f3aa ; 8191 bytes at 300000h
      66bafd03            ; mov dx, 3fdh
      ec a801 74cf        ; in al, dx; test al, 1; jz again
      66baf803 ec ee      ; echo
      41ffc0 4183f802 75c0 ; inc r8d; cmp r8d, 2; jne again
      b007 e6f4 f4        ; leave with 7
      """;

  @TempDir private Path folder;

  private Path kernel() throws IOException {
    return Files.write(folder.resolve("kernel"), HandMadeKernel.ofListing(ECHO));
  }

  private Launched start(String protection, String... options) throws IOException {
    List<String> all =
        new ArrayList<>(
            List.of("run", "--kernel", kernel().toString(), "--memory", "64M", "--icount"));
    all.addAll(List.of("--protection", protection));
    if (!protection.equals("none")) {
      all.addAll(List.of("--policy", "0x0"));
    }
    all.addAll(List.of(options));
    return Launched.of(all.toArray(String[]::new));
  }

  private static Matcher hash(Launched run) {
    Matcher matcher = HASH.matcher(run.err());
    assertTrue(matcher.find(), run::err);
    return matcher;
  }

  @ParameterizedTest
  @CsvSource({"none", "sev"})
  void shouldReplayWhatWasTypedToTheSameState(String protection) throws Exception {
    Path record = folder.resolve("record");
    String hash;
    try (Launched run = start(protection, "--record", record.toString(), "--seed", "5")) {
      run.expect(">", LIMIT);
      run.type("a"); // and the end of the line
      assertEquals(7, run.exitCode(LIMIT), run::err);
      assertEquals(">a\n", run.out());
      hash = hash(run).group();
    }
    try (Launched run = start(protection, "--replay", record.toString())) {
      run.type("zz"); // nobody hears it
      assertEquals(7, run.exitCode(LIMIT), run::err);
      assertEquals(">a\n", run.out());
      assertEquals(hash + ", as recorded", hash(run).group());
    }
    refuseDamaged(protection, record);
  }

  private void refuseDamaged(String protection, Path record) throws Exception {
    byte[] bytes = Files.readAllBytes(record);
    Path bad = folder.resolve("bad");
    Files.write(bad, Arrays.copyOf(bytes, bytes.length - 1));
    if (protection.equals("sev")) {
      return; // the same code for both
    }
    for (String[] row :
        new String[][] {
          {"--replay", bad.toString(), "is truncated or damaged"},
          {"--replay", kernel().toString(), "is no recording of a VM"},
          {"--replay", record.toString(), "is of another VM", "--append", "other"},
          {"--smp", "2", "--icount counts the instructions of one vCPU, not of 2"},
        }) {
      List<String> options = new ArrayList<>(List.of(row));
      String line = options.remove(2);
      try (Launched run = start(protection, options.toArray(String[]::new))) {
        assertEquals(2, run.exitCode(LIMIT), run::err);
        assertTrue(run.err().contains(line), run::err);
        assertEquals(1, run.err().lines().count(), run::err);
      }
    }
  }

  /** Debian's kernel, timers and all, as an SEV guest, whose memory key comes from the seed. */
  @Test
  void shouldBootDebianTheSameWayTwice() throws Exception {
    String first = boot("1");
    assertEquals(first, boot("1"));
  }

  private static String boot(String seed) throws Exception {
    try (Launched run =
        Launched.of(
            "run",
            "--icount",
            "--seed",
            seed,
            "--policy",
            "0x0",
            "--memory",
            "256M",
            "--append",
            "console=ttyS0 initcall_blacklist=load_system_certificate_list"
                + " redoubt.run=\"cat /proc/uptime; date; od -x -N 8 /dev/urandom\"")) {
      assertEquals(0, run.exitCode(LIMIT), () -> run.out() + run.err());
      assertTrue(run.out().contains("redoubt: exit status 0"), run::out);
      assertNotEquals("", hash(run).group(1));
      return hash(run).group() + run.out();
    }
  }
}
