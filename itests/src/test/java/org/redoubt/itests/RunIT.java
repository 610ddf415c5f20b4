package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.redoubt.api.memory.MemoryConfig;

/** {@code redoubt run} from a shell's point of view: what it prints, and how it exits. */
class RunIT {
  private static final Duration START = Duration.ofMinutes(5);
  private static final Duration BOOT = Duration.ofMinutes(10);

  /** What the host may need besides guest RAM and SoC cache. */
  private static final long OVERHEAD_BYTES = 400L << 20;

  /** Writes "Hi", then 7 to the debug-exit port. */
  private static final String SAY_HI = "66baf803 b048 ee b069 ee b00a ee b007 e6f4 f4 ebfd";

  /**
   * Enables AVX, asks for the size of the save area, computes 1 + 1 in eight lanes, saves, clears
   * and restores the registers, and exits with size - 792 + the topmost lane.
   */
  private static final String USE_AVX =
      """
      0f20e0 0d00060400 0f22e0    ; CR4: OSFXSR, OSXMMEXCPT, OSXSAVE
      31c9 31d2 b807000000 0f01d1 ; xsetbv: x87, SSE, AVX
      b80d000000 31c9 0fa2 89de   ; cpuid 0Dh; mov esi, ebx
      c5fd76c0 c4e27d1ec8         ; vpcmpeqd ymm0, ymm0, ymm0; vpabsd ymm1, ymm0
      c5f5fed1                    ; vpaddd ymm2, ymm1, ymm1
      bf0000e001 b807000000 31d2  ; mov edi, 1E00000h; EDX:EAX = 7
      0fc727 c5fc77 0fae2f        ; xsavec [rdi]; vzeroall; xrstor [rdi]
      c4e37d39d301 c4e37916d803   ; vextracti128 xmm3, ymm2, 1; vpextrd eax, xmm3, 3
      8d8430e8fcffff e6f4 ebfe    ; lea eax, [rax + rsi - 792]; out F4h, al
      """;

  /** An undefined instruction, without an interrupt table. */
  private static final String TRIPLE_FAULT = "0f0b";

  /** Pulses the reset line by the keyboard controller. */
  private static final String RESET = "b0fe e664 f4 ebfd";

  /** Halts without interrupts. */
  private static final String HALT = "fa f4 ebfd";

  @TempDir private static Path folder;

  private static Path file(String name, byte[] contents) {
    try {
      return Files.write(folder.resolve(name), contents);
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  /** What is said of every encrypted guest's launch, before it starts. */
  private static final List<String> VERIFIED =
      List.of(
          "Platform     chain PDH, PEK, OCA, CEK, ASK valid under root REDOUBT-DEV-ARK; firmware"
              + " \\S+ build \\d+",
          "Policy       00000001h: no debugging",
          "Launched     \\d+ regions, \\d+ KiB, digest [0-9a-f]{64}",
          "Measurement  valid under the owner's key: the digest is the predicted one",
          "Secret       40 bytes delivered to 13010h, SHA-256 [0-9a-f]{64}");

  private static void assertSaysOfTheLaunch(String protection, String err) {
    List<String> lines = err.lines().toList();
    List<String> patterns = protection.equals("sev") ? VERIFIED : List.of();
    assertEquals(patterns.size(), lines.size(), err);
    for (int i = 0; i < lines.size(); i++) {
      assertTrue(lines.get(i).matches(patterns.get(i)), lines.get(i));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"none", "sev"})
  void shouldBootDebianToItsShellAndPowerOff(String protection) throws Exception {
    try (Launched run = Launched.of("run", "--memory", "256M", "--protection", protection)) {
      run.expect("Type 'poweroff' to leave.", BOOT);
      // With the end of its line: what is typed before it may be echoed in its middle.
      run.type("uname -r");
      run.expect("-cloud-amd64\r\n", START);
      run.type("cat /proc/cmdline; echo $((6 * 7)) guests");
      run.expect("42 guests\r\n", START);
      run.type("echo secret | sha256sum");
      run.expect("b37e50cedcd3e3f1ff64f4afc0422084ae694253cf399326868e07a35f4a45fb  -\r\n", START);
      boolean encrypted = protection.equals("sev");
      run.type("echo $(dmesg | grep -c 'software IO TLB: mapped') bounce buffers");
      run.expect((encrypted ? 1 : 0) + " bounce buffers\r\n", START);
      long most = run.mostMemory();
      run.type("poweroff");
      assertEquals(0, run.exitCode(BOOT), run::err);
      assertTrue(run.out().contains("Linux version 6.1"), run::out);
      System.out.printf("RunIT: a guest of 256 MiB (%s) took %d MiB%n", protection, most >> 20);
      assertTrue(most <= (256L << 20) + MemoryConfig.DEFAULT_CACHE_BYTES + OVERHEAD_BYTES);
      assertEquals(
          encrypted, run.out().contains("Memory Encryption Features active: AMD SEV"), run::out);
      assertSaysOfTheLaunch(protection, run.err());
      if (encrypted) {
        String delivered = run.err().substring(run.err().lastIndexOf(' ')).strip();
        assertTrue(
            run.out().contains("Secret: 40 bytes in /run/redoubt/secret, SHA-256 " + delivered),
            run::out);
      }
    }
  }

  @Test
  void shouldEncryptUnlessToldOtherwise() throws Exception {
    Path kernel = file("default", HandMadeKernel.of(SAY_HI));
    try (Launched run = Launched.of("run", "--kernel", kernel.toString(), "--memory", "64M")) {
      assertEquals(7, run.exitCode(START), run::err);
      assertSaysOfTheLaunch("sev", run.err());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"none", "sev"})
  void shouldReturnWhatTheGuestSaysAtTheDebugExitPort(String protection) throws Exception {
    Path kernel = file("hi", HandMadeKernel.of(SAY_HI));
    try (Launched run =
        Launched.of(
            "run", "--kernel", kernel.toString(), "--memory", "64M", "--protection", protection)) {
      assertEquals(7, run.exitCode(START), run::err);
      assertEquals("Hi\n", run.out());
      assertSaysOfTheLaunch(protection, run.err());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"none", "sev"})
  void shouldReportATripleFault(String protection) throws Exception {
    Path kernel = file("fault", HandMadeKernel.of(TRIPLE_FAULT));
    try (Launched run =
        Launched.of(
            "run", "--kernel", kernel.toString(), "--memory", "64M", "--protection", protection)) {
      assertEquals(3, run.exitCode(START), run::err);
      for (String words : List.of("riple fault", "RIP 0000000001000200")) {
        assertTrue(run.err().contains(words), () -> words + " in " + run.err());
      }
      // A private guest's code is its own business.
      assertEquals(protection.equals("none"), run.err().contains("code   0f 0b"), () -> run.err());
    }
  }

  /** A plain one that is to start again does so in {@link VirtioIT}. */
  @ParameterizedTest
  @CsvSource({"none, false", "sev, false", "sev, true"})
  void shouldEndWhenTheGuestResetsItsMachine(String protection, boolean again) throws Exception {
    Path kernel = file("reset", HandMadeKernel.of(RESET));
    List<String> command = new ArrayList<>(List.of("run", "--kernel", kernel.toString()));
    command.addAll(List.of("--memory", "64M", "--protection", protection));
    if (again) {
      command.add("--reboot");
    }
    try (Launched run = Launched.of(command.toArray(String[]::new))) {
      assertEquals(4, run.exitCode(START), run::err);
      String last = run.err().lines().toList().getLast();
      assertTrue(last.contains("The guest reset the machine"), last);
      assertEquals(protection.equals("sev"), last.contains("must be launched anew"), last);
    }
  }

  @Test
  void shouldStopAGuestThatHalts() throws Exception {
    Path kernel = file("halt", HandMadeKernel.of(HALT));
    String line =
        "vm:create --name sleepy --kernel %s --memory 64M && vm:start && vm:pause && vm:regs && vm:resume && vm:stop && vm:list"
            .formatted(kernel);
    try (Launched run = Launched.of("-c", line.replace("&&", ";"))) {
      assertEquals(0, run.exitCode(START), run::err);
      assertTrue(run.out().contains("RIP 000000000100020"), run::out);
      assertTrue(run.out().contains("The VM was stopped."), run::out);
    }
  }

  static Stream<Arguments> badInput() {
    Path kernel = file("good", HandMadeKernel.of(SAY_HI));
    byte[] whole = HandMadeKernel.of(SAY_HI);
    Path truncated = file("truncated", Arrays.copyOf(whole, 2000));
    Path foreign = file("foreign", new byte[100_000]);
    Path elf = file("elf", new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1, 0});
    Path huge = file("huge", new byte[40 << 20]);
    Path truncatedDisk = file("disk", new byte[1000]);
    String good = kernel.toString();
    return Stream.of(
        new Arguments("truncated", "--kernel", truncated.toString()),
        new Arguments("foreign", "--kernel", foreign.toString()),
        new Arguments("no ELF file", "--kernel", elf.toString()),
        new Arguments("/nowhere", "--kernel", "/nowhere"),
        new Arguments("initrd", "--kernel", good, "--memory", "32M", "--initrd", huge.toString()),
        new Arguments("memory", "--kernel", good, "--memory", "1M"),
        new Arguments("is not a size", "--kernel", good, "--memory", "lots"),
        new Arguments("vCPU", "--kernel", good, "--smp", "0"),
        new Arguments("vCPUs", "--kernel", good, "--smp", "100"),
        new Arguments("--icount", "--kernel", good, "--reboot", "--icount"),
        new Arguments("0 to 65535", "--kernel", good, "--gdb", "99999"),
        new Arguments("no balloon", "--kernel", good, "--balloon", "--icount"),
        new Arguments("Z80", "--kernel", good, "--cpu", "Z80"),
        new Arguments("--frobnicate", "--kernel", good, "--frobnicate"),
        new Arguments("quantum", "--kernel", good, "--protection", "quantum"),
        new Arguments("warp", "--kernel", good, "--cpu-engine", "warp"),
        new Arguments("rot13", "--kernel", good, "--engine", "rot13"),
        new Arguments("does not exist", "--kernel", good, "--disk", "/nowhere.img"),
        new Arguments("whole sectors", "--kernel", good, "--disk", truncatedDisk.toString()),
        new Arguments("not all before it", "--kernel", good, "--option", "disk1.file=x"),
        new Arguments("SoC cache", "--kernel", good, "--soc-cache", "4K"),
        new Arguments("32 bits", "--kernel", good, "--policy", "0x100000000"),
        new Arguments("go together", "--kernel", good, "--secret-header", "h"),
        new Arguments("--no-secret", "--kernel", good, "--session", "s", "--dh-cert", "d"),
        new Arguments("encrypted guest", "--kernel", good, "--protection", "none", "--no-secret"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"EPYC", "EPYC-v3", "EPYC-Rome", "EPYC-Milan", "EPYC-Milan-v2"})
  void shouldHaveAvxInEveryEpyc(String model) throws Exception {
    Path kernel = file("avx-" + model, HandMadeKernel.ofListing(USE_AVX));
    try (Launched run =
        Launched.of(
            "run",
            "--kernel",
            kernel.toString(),
            "--memory",
            "64M",
            "--protection",
            "none",
            "--cpu",
            model)) {
      assertEquals(832 - 792 + 2, run.exitCode(START), run::err);
    }
  }

  @Test
  void shouldSayWhatEachCpuModelIs() throws Exception {
    try (Launched run = Launched.of("run", "--cpu", "help")) {
      assertEquals(0, run.exitCode(START), run::err);
      List<String> lines = run.out().lines().toList();
      assertTrue(lines.getFirst().matches("EPYC +Zen 1 .*AVX2.*"), run::out);
      assertTrue(lines.stream().anyMatch(line -> line.matches("EPYC-Milan +Zen 3 .*")), run::out);
      assertTrue(lines.stream().allMatch(line -> line.matches("\\S+ +\\S.*")), run::out);
    }
  }

  /** Options of {@code run}, and a word that the one line about them holds. */
  record Arguments(String word, String... options) {
    @Override
    public String toString() {
      return String.join(" ", options);
    }
  }

  @ParameterizedTest
  @MethodSource("badInput")
  void shouldRefuseBadInputInOneLine(Arguments arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of("run"));
    command.addAll(List.of(arguments.options));
    try (Launched run = Launched.of(command.toArray(String[]::new))) {
      assertEquals(2, run.exitCode(START), () -> run.out() + run.err());
      assertEquals(1, run.err().lines().count(), run::err);
      assertTrue(run.err().contains(arguments.word), run::err);
      assertEquals("", run.out());
    }
  }
}
