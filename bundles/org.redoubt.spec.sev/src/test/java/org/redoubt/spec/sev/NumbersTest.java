package org.redoubt.spec.sev;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * SOURCE of numbers: Linux include/uapi/linux/psp-sev.h, include/linux/psp-sev.h,
 * drivers/crypto/ccp/sp-pci.c.
 */
final class NumbersTest {
  @ParameterizedTest
  @CsvSource({
    "00,SUCCESS", "04,INVALID_LEN", "09,INVALID_ADDRESS", "0B,BAD_MEASUREMENT",
        "0F,DFFLUSH_REQUIRED",
    "10,INVALID_GUEST", "16,INVALID_PARAM", "18,SECURE_DATA_INVALID", "1D,AEAD_OFLOW",
        "1F,EXIT_RING_BUFFER",
    "27,INVALID_KEY"
  })
  void shouldFindAStatusByItsCode(String hex, FirmwareStatus status) {
    int code = Integer.parseInt(hex, 16);
    assertEquals(code, status.code());
    assertEquals(Optional.of(status), FirmwareStatus.of(code));
  }

  @Test
  void shouldFindNothingForCodesWithoutAName() {
    for (int code : new int[] {-1, 0x1E, 0x28, 0xFFFF}) {
      assertEquals(Optional.empty(), FirmwareStatus.of(code));
    }
    for (int id : new int[] {-1, 0, 0x10, 0x2F, 0x72, 0x7FF}) {
      assertEquals(Optional.empty(), SevCommand.of(id));
    }
    assertEquals(Optional.of(SevCommand.LAUNCH_SECRET), SevCommand.of(0x34));
    assertEquals(Optional.empty(), PlatformState.of(3));
    assertEquals(Optional.of(GuestState.RUNNING), GuestState.of(3));
  }

  @Test
  void shouldCutCommandAndStatusOutOfCmdresp() {
    assertEquals(0x0030_0001, Mailbox.commandWord(0x30, true));
    assertEquals(0x30, Mailbox.command(0x0030_0001));
    assertEquals(0x0F, Mailbox.status(Mailbox.RESP | 0x0F));
  }

  @ParameterizedTest
  @CsvSource({"0,true", "3F,true", "40,false", "8000,false", "FFFF003F,true"})
  void shouldTellWellFormedPolicies(String hex, boolean wellFormed) {
    assertEquals(wellFormed, new GuestPolicy(Integer.parseUnsignedInt(hex, 16)).wellFormed());
  }

  @Test
  void shouldCompareApiVersionsByMajorFirst() {
    GuestPolicy p = new GuestPolicy(0x1801_0000);
    assertEquals(1, p.apiMajor());
    assertEquals(0x18, p.apiMinor());
    assertTrue(p.allowsApi(1, 0x18));
    assertTrue(p.allowsApi(2, 0));
    assertFalse(p.allowsApi(1, 0x17));
    assertFalse(p.allowsApi(0, 0xFF));
  }

  @Test
  void shouldExplainAPolicyBitByBit() {
    List<String> lines = new GuestPolicy(0x0101_0045).explain();
    assertEquals(8, lines.size());
    assertEquals("bit 0  NODBG   1  the host may not debug the guest", lines.get(0));
    assertTrue(lines.get(1).startsWith("bit 1  NOKS    0"), lines.get(1));
    assertTrue(lines.get(7).contains("40h set, must be zero"), lines.get(7));
  }
}
