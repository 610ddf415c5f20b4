package org.redoubt.guest.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.guest.LaunchPlan;
import org.redoubt.api.guest.LaunchRequest;
import org.redoubt.spec.x86.Msr;

class LinuxLoaderTest {
  private final LinuxLoader loader = new LinuxLoader();

  /** A bzImage with a valid header: 4 setup sectors, 8 KiB of code, wants 16 MiB. */
  static byte[] kernel() {
    ByteBuffer file = ByteBuffer.allocate(5 * 512 + 0x2000).order(ByteOrder.LITTLE_ENDIAN);
    file.put(0x1F1, (byte) 4).putInt(0x1F4, 0x200).putShort(0x1FE, (short) 0xAA55);
    file.put(0x201, (byte) 0x6A).putInt(0x202, 0x5372_6448).putShort(0x206, (short) 0x20F);
    file.put(0x211, (byte) 1)
        .putInt(0x22C, 0x7FFF_FFFF)
        .putShort(0x236, (short) 1)
        .putInt(0x238, 0x7FF);
    file.putLong(0x258, 0x100_0000).putInt(0x260, 0x80_0000);
    return file.array();
  }

  private static LaunchRequest request(long memoryBytes, int vcpus, int cBit, int secretBytes) {
    return new LaunchRequest(
        MemorySegment.ofArray(kernel()),
        Optional.of(MemorySegment.ofArray(new byte[100])),
        "console=ttyS0",
        memoryBytes,
        vcpus,
        cBit,
        secretBytes);
  }

  @Test
  void shouldAcceptWhatHasTheMagicAndNothingElse() {
    assertTrue(loader.accepts(kernel()));
    assertFalse(loader.accepts(new byte[0]));
    assertFalse(loader.accepts(new byte[0x205]));
    assertFalse(loader.accepts(new byte[4096]));
  }

  @Test
  void shouldPlanEveryRegionInOrder() throws HypervisorException {
    LaunchPlan plan = loader.plan(request(64 << 20, 1, 0, 256));
    assertEquals(
        "bios-data boot-params cmdline gdt secret page-tables kernel initrd acpi",
        String.join(" ", plan.regions().stream().map(LaunchPlan.Region::name).toList()));
    LaunchPlan.SecretArea secret = plan.secret().orElseThrow();
    LaunchPlan.Region node =
        plan.regions().stream().filter(r -> r.name().equals("secret")).findFirst().orElseThrow();
    assertTrue(secret.gpa() >= node.gpa());
    assertTrue(secret.gpa() + secret.bytes() <= node.gpa() + node.bytes().byteSize());
    assertEquals(256, secret.bytes());
  }

  @Test
  void shouldEnterInLongModeWithFlatSegments() throws HypervisorException {
    CpuState entry = loader.plan(request(64 << 20, 1, 0, 0)).entry();
    assertEquals(0x100_0200, entry.rip);
    assertEquals(0x1_0000, entry.gpr[6], "RSI has boot_params");
    assertEquals(0x500L, entry.msr.get(Msr.EFER));
    assertEquals(0x8001_0031L, entry.cr0);
    assertEquals(0x10, entry.selector[CpuState.CS]);
    assertEquals(0xA9B, entry.attributes[CpuState.CS]);
    assertEquals(0x18, entry.selector[CpuState.SS]);
    assertEquals(0xC93, entry.attributes[CpuState.SS]);
    assertEquals(2, entry.rflags);
    assertEquals(0, entry.gpr[4]);
  }

  @Test
  void shouldSetTheEncryptionBitInItsPageTablesUnderSev() throws HypervisorException {
    for (int cBit : new int[] {0, 47, 51}) {
      LaunchPlan plan = loader.plan(request(64 << 20, 1, cBit, 0));
      LaunchPlan.Region tables =
          plan.regions().stream()
              .filter(r -> r.name().equals("page-tables"))
              .findFirst()
              .orElseThrow();
      long leaf = tables.bytes().get(ValueLayout.JAVA_LONG_UNALIGNED, 0x2000);
      assertEquals(cBit == 0 ? 0x83 : 0x83 | 1L << cBit, leaf);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "24, 1, 0, '24 MiB of memory are too little'",
    "64, 0, 0, 'A Linux guest has 1 to 254 vCPUs, not 0.'",
    "64, 255, 0, 'A Linux guest has 1 to 254 vCPUs, not 255.'",
    "64, 1, 8, 'A secret slot of 8 bytes'"
  })
  void shouldRefuseInOneSentenceWhenTheRequestCannotBoot(
      int mib, int vcpus, int secret, String says) {
    HypervisorException refusal =
        assertThrows(
            HypervisorException.class,
            () -> loader.plan(request((long) mib << 20, vcpus, 0, secret)));
    assertTrue(String.valueOf(refusal.getMessage()).startsWith(says), refusal.getMessage());
  }

  @Test
  void shouldRefuseATruncatedKernel() {
    LaunchRequest request =
        new LaunchRequest(
            MemorySegment.ofArray(kernel()).asSlice(0, 3000),
            Optional.empty(),
            "",
            64 << 20,
            1,
            0,
            0);
    assertThrows(HypervisorException.class, () -> loader.plan(request));
  }
}
