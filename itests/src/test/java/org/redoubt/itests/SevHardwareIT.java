package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.Vm;
import org.redoubt.api.vm.VmConfig;
import org.redoubt.api.vm.VmEnd;
import org.redoubt.itests.container.InsideRedoubt;

/**
 * The hardware that an SEV guest sees, asked by kernels of a few instructions: they end with code
 * 100 when all is as it should be, else with the number of the first question that is not.
 */
@ExtendWith(InsideRedoubt.class)
class SevHardwareIT {
  private static final int GOOD = 100;

  /** Where these kernels begin, in guest-physical memory. */
  private static final long ENTRY = 0x100_0200;

  private static final Duration LIMIT = Duration.ofMinutes(5);

  /**
   * 1, 2: CPUID 8000_001F EAX and EBX; 3: MSR C001_0131; 4: a write to SYSCFG changes nothing; 5:
   * CR3 takes the C-bit; 6, 7: the tables' entries have it. 8: the page that runs, mapped without
   * C-bit, is ciphertext as data, while instructions are fetched from it all the same; 9: with the
   * C-bit it is what it was.
   */
  private static final String HARDWARE =
      """
      b81f000080           ; mov eax,0x8000001f
      31c9                 ; xor ecx,ecx
      0fa2                 ; cpuid
      bf01000000           ; mov edi,0x1
      83f802               ; cmp eax,0x2
      0f85db000000         ; jne end
      bf02000000           ; mov edi,0x2
      83e33f               ; and ebx,0x3f
      83fb2f               ; cmp ebx,0x2f
      0f85ca000000         ; jne end
      bf03000000           ; mov edi,0x3
      b9310101c0           ; mov ecx,0xc0010131
      0f32                 ; rdmsr
      83f801               ; cmp eax,0x1
      0f85b5000000         ; jne end
      bf04000000           ; mov edi,0x4
      b9100001c0           ; mov ecx,0xc0010010
      0f32                 ; rdmsr
      89c6                 ; mov esi,eax
      0d00008000           ; or eax,0x800000
      0f30                 ; wrmsr
      0f32                 ; rdmsr
      39f0                 ; cmp eax,esi
      0f8596000000         ; jne end
      bf05000000           ; mov edi,0x5
      0f20d8               ; mov rax,cr3
      480fbae82f           ; bts rax,0x2f
      0f22d8               ; mov cr3,rax
      0f20db               ; mov rbx,cr3
      4839c3               ; cmp rbx,rax
      757e                 ; jne end
      49b900f0ffffff7f0000 ; mov r9,0x7ffffffff000
      4c21c8               ; and rax,r9
      488b18               ; mov rbx,[rax]
      bf06000000           ; mov edi,0x6
      480fbae32f           ; bt rbx,0x2f
      7362                 ; jae end
      4c21cb               ; and rbx,r9
      488b0b               ; mov rcx,[rbx]
      4c21c9               ; and rcx,r9
      4c8d4140             ; lea r8,[rcx+0x40]
      498b10               ; mov rdx,[r8]
      bf07000000           ; mov edi,0x7
      f7c280000000         ; test edx,0x80
      7445                 ; je end
      480fbae22f           ; bt rdx,0x2f
      733e                 ; jae end
      4c8d1514000000       ; lea r10,[rip+0x14]
      4d8b1a               ; mov r11,[r10]
      480fbaf22f           ; btr rdx,0x2f
      498910               ; mov [r8],rdx
      410f013a             ; invlpg [r10]
      bf08000000           ; mov edi,0x8
      4d8b22               ; mov r12,[r10]
      4d39dc               ; cmp r12,r11
      741b                 ; je end
      bf09000000           ; mov edi,0x9
      480fbaea2f           ; bts rdx,0x2f
      498910               ; mov [r8],rdx
      410f013a             ; invlpg [r10]
      4d3b1a               ; cmp r11,[r10]
      7505                 ; jne end
      bf64000000           ; mov edi,0x64
      89f8                 ; mov eax,edi
      e6f4                 ; out 0xf4,al
      f4                   ; hlt
      """;

  /**
   * A private page's address is given to kvm-clock, whose device writes 12 bytes: 1, 2: the first
   * block is garbled; 3: the second is not.
   */
  private static final String DMA =
      """
      48c7c600000002       ; mov rsi,0x2000000
      48b84141414141414141 ; mov rax,0x4141414141414141
      488906               ; mov [rsi],rax
      48894608             ; mov [rsi+0x8],rax
      48894610             ; mov [rsi+0x10],rax
      b9004d564b           ; mov ecx,0x4b564d00
      89f0                 ; mov eax,esi
      31d2                 ; xor edx,edx
      0f30                 ; wrmsr
      bf01000000           ; mov edi,0x1
      48b84141414141414141 ; mov rax,0x4141414141414141
      483b06               ; cmp rax,[rsi]
      741b                 ; je end
      bf02000000           ; mov edi,0x2
      483b4608             ; cmp rax,[rsi+0x8]
      7410                 ; je end
      bf03000000           ; mov edi,0x3
      483b4610             ; cmp rax,[rsi+0x10]
      7505                 ; jne end
      bf64000000           ; mov edi,0x64
      89f8                 ; mov eax,edi
      e6f4                 ; out 0xf4,al
      f4                   ; hlt
      """;

  /** String I/O, to the serial port. */
  private static final String STRING_OUT =
      """
      488d3514000000       ; lea rsi,[rip+0x14]
      baf8030000           ; mov edx,0x3f8
      b903000000           ; mov ecx,0x3
      f36e                 ; rep outs dx,ds:[rsi]
      b864000000           ; mov eax,0x64
      e6f4                 ; out 0xf4,al
      f4                   ; hlt
      48690a               ; "Hi\\n"
      """;

  /** 1: KVM's feature bit 8; 2, 3: CPUID 8000_001F EAX bit 0, and the C-bit in EBX. */
  private static final String SEED =
      """
      bf01000000           ; mov edi,0x1
      b801000040           ; mov eax,0x40000001
      31c9                 ; xor ecx,ecx
      0fa2                 ; cpuid
      0fbae008             ; bt eax,0x8
      7323                 ; jae end
      bf02000000           ; mov edi,0x2
      b81f000080           ; mov eax,0x8000001f
      0fa2                 ; cpuid
      83f801               ; cmp eax,0x1
      7512                 ; jne end
      bf03000000           ; mov edi,0x3
      83e33f               ; and ebx,0x3f
      83fb2f               ; cmp ebx,0x2f
      7505                 ; jne end
      bf64000000           ; mov edi,0x64
      89f8                 ; mov eax,edi
      e6f4                 ; out 0xf4,al
      f4                   ; hlt
      """;

  /** Reads MSR C001_0131, and ends with it. */
  private static final String STATUS =
      """
      b9310101c0           ; mov ecx,0xc0010131
      0f32                 ; rdmsr
      e6f4                 ; out 0xf4,al
      f4                   ; hlt
      """;

  @TempDir Path folder;

  private Vm vm(String listing, VmConfig.Protection protection, Map<String, String> options)
      throws Exception {
    Path kernel = Files.write(folder.resolve("kernel"), HandMadeKernel.ofListing(listing));
    return Services.get(Hypervisor.class)
        .create(
            new VmConfig(
                "hardware",
                kernel,
                Optional.empty(),
                "",
                64L << 20,
                1,
                protection,
                Optional.empty(),
                Optional.empty(),
                "EPYC",
                Optional.empty(),
                8L << 20,
                false,
                false,
                options));
  }

  private static VmEnd end(Vm vm) throws HypervisorException, InterruptedException {
    vm.start();
    return vm.await(LIMIT).orElseThrow(() -> new AssertionError("still running"));
  }

  private void assertGood(Vm vm) throws Exception {
    VmEnd end = end(vm);
    assertEquals(GOOD, end.exitCode(), end.report());
  }

  @Test
  void shouldShowCpuidMsrsAndCBitAsProcessorsDo() throws Exception {
    try (Vm vm = vm(HARDWARE, VmConfig.Protection.SEV, Map.of())) {
      assertGood(vm);
    }
  }

  @Test
  void shouldMoveCiphertextAndCountItWhenADeviceReachesAPrivatePage() throws Exception {
    try (Vm vm = vm(DMA, VmConfig.Protection.SEV, Map.of())) {
      assertGood(vm);
      assertEquals(Map.of("kvm-face", 1L), vm.privateTransfers());
      long spa = vm.spa(0x200_0000).orElseThrow();
      assertEquals(2, vm.memory().view(0).getInt(spa), "what the device wrote, as it wrote it");
    }
  }

  @Test
  void shouldShowThePrivateMemoryOfAGuestWhosePolicyAllowsIt() throws Exception {
    byte[] code = {(byte) 0xb9, 0x31, 0x01, 0x01, (byte) 0xc0, 0x0f, 0x32};
    byte[] read = new byte[code.length];
    MemorySegment target = MemorySegment.ofArray(read);
    try (Vm vm = vm(STATUS, VmConfig.Protection.SEV, Map.of("policy", "0x0"))) {
      vm.readGuest(ENTRY, target, false);
      assertArrayEquals(code, read);
      assertFalse(vm.labUsed());
      vm.memory().view(0).read(vm.spa(ENTRY).orElseThrow(), target);
      assertFalse(Arrays.equals(code, read), "the host's view");
    }
    try (Vm vm = vm(STATUS, VmConfig.Protection.SEV, Map.of())) {
      HypervisorException refused =
          assertThrows(HypervisorException.class, () -> vm.readGuest(ENTRY, target, false));
      assertTrue(String.valueOf(refused.getMessage()).contains("NODBG"), refused::getMessage);
      vm.readGuest(ENTRY, target, true);
      assertArrayEquals(code, read);
      assertTrue(vm.labUsed());
    }
  }

  @Test
  void shouldRefuseAndRecordStringIoOfAnEncryptedGuestOnly() throws Exception {
    try (Vm vm = vm(STRING_OUT, VmConfig.Protection.NONE, Map.of())) {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      try (AutoCloseable attached = vm.console().attach(out)) {
        assertGood(vm);
        Services.await(
            "the greeting", () -> out.toString(StandardCharsets.US_ASCII).equals("Hi\n"));
      }
    }
    try (Vm vm = vm(STRING_OUT, VmConfig.Protection.SEV, Map.of())) {
      VmEnd end = end(vm);
      assertEquals(VmEnd.Cause.CRASHED, end.cause(), "#UD, and nobody handles it");
      List<String> trace = vm.trace(0);
      assertTrue(
          trace.stream().anyMatch(line -> line.contains("refused string I/O.0 3f8")),
          trace::toString);
    }
  }

  @Test
  void shouldShowTheSeedsDetectionWhenItsProfileIsNamed() throws Exception {
    Map<String, String> seed = Map.of("sev.profile", "seed");
    try (Vm vm = vm(SEED, VmConfig.Protection.SEV, seed)) {
      assertGood(vm);
    }
    try (Vm vm = vm(SEED, VmConfig.Protection.SEV, Map.of())) {
      assertEquals(1, end(vm).exitCode(), "not without it");
    }
    try (Vm vm = vm(STATUS, VmConfig.Protection.SEV, Map.of())) {
      assertEquals(1, end(vm).exitCode(), "SEV_STATUS bit 0");
    }
    try (Vm vm = vm(STATUS, VmConfig.Protection.SEV, seed)) {
      assertEquals(VmEnd.Cause.CRASHED, end(vm).cause(), "#GP: the seed has no such MSR");
    }
  }
}
