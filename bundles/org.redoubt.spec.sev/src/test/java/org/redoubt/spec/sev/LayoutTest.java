package org.redoubt.spec.sev;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.redoubt.spec.sev.cert.CaCertificate;
import org.redoubt.spec.sev.cert.PlatformChain;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.command.ActivateBuffer;
import org.redoubt.spec.sev.command.ActivateExBuffer;
import org.redoubt.spec.sev.command.AttestationBuffer;
import org.redoubt.spec.sev.command.AttestationReport;
import org.redoubt.spec.sev.command.DbgBuffer;
import org.redoubt.spec.sev.command.DownloadFirmwareBuffer;
import org.redoubt.spec.sev.command.GetIdBuffer;
import org.redoubt.spec.sev.command.GuestStatusBuffer;
import org.redoubt.spec.sev.command.HandleBuffer;
import org.redoubt.spec.sev.command.InitBuffer;
import org.redoubt.spec.sev.command.InitExBuffer;
import org.redoubt.spec.sev.command.LaunchMeasureBuffer;
import org.redoubt.spec.sev.command.LaunchSecretBuffer;
import org.redoubt.spec.sev.command.LaunchStartBuffer;
import org.redoubt.spec.sev.command.LaunchUpdateBuffer;
import org.redoubt.spec.sev.command.Measurement;
import org.redoubt.spec.sev.command.PacketHeader;
import org.redoubt.spec.sev.command.PdhCertExportBuffer;
import org.redoubt.spec.sev.command.PekCertImportBuffer;
import org.redoubt.spec.sev.command.PekCsrBuffer;
import org.redoubt.spec.sev.command.PlatformStatusBuffer;
import org.redoubt.spec.sev.command.SendStartBuffer;
import org.redoubt.spec.sev.command.SessionBlob;
import org.redoubt.struct.Field;

/** SOURCE of sizes and offsets: Linux include/linux/psp-sev.h; AMDESE/sev-tool src/sevapi.h. */
final class LayoutTest {
  static Stream<Arguments> layouts() {
    return Stream.of(
        row(InitBuffer.LAYOUT, 20, "FLAGS 0 RESERVED 4 TMR_PADDR 8 TMR_LENGTH 16"),
        row(
            PlatformStatusBuffer.LAYOUT,
            12,
            "API_MAJOR 0 API_MINOR 1 STATE 2 FLAGS 3 BUILD 7 GUEST_COUNT 8"),
        row(
            PdhCertExportBuffer.LAYOUT,
            28,
            "PDH_CERT_PADDR 0 PDH_CERT_LEN 8 RESERVED 12 CERTS_PADDR 16 CERTS_LEN 24"),
        row(GetIdBuffer.LAYOUT, 12, "ID_PADDR 0 ID_LEN 8"),
        row(HandleBuffer.LAYOUT, 4, "HANDLE 0"),
        row(ActivateBuffer.LAYOUT, 8, "HANDLE 0 ASID 4"),
        row(GuestStatusBuffer.LAYOUT, 13, "HANDLE 0 POLICY 4 ASID 8 STATE 12"),
        row(
            LaunchStartBuffer.LAYOUT,
            36,
            "HANDLE 0 POLICY 4 DH_CERT_PADDR 8 DH_CERT_LEN 16 RESERVED 20 SESSION_PADDR 24"
                + " SESSION_LEN 32"),
        row(LaunchUpdateBuffer.LAYOUT, 20, "HANDLE 0 RESERVED 4 PADDR 8 LENGTH 16"),
        row(LaunchMeasureBuffer.LAYOUT, 20, "HANDLE 0 RESERVED 4 MEASURE_PADDR 8 MEASURE_LEN 16"),
        row(
            LaunchSecretBuffer.LAYOUT,
            52,
            "HANDLE 0 RESERVED_1 4 HDR_PADDR 8 HDR_LEN 16 RESERVED_2 20 GUEST_PADDR 24 GUEST_LEN 32"
                + " RESERVED_3 36 TRANS_PADDR 40 TRANS_LEN 48"),
        row(PekCsrBuffer.LAYOUT, 12, "CSR_PADDR 0 CSR_LEN 8"),
        row(
            PekCertImportBuffer.LAYOUT,
            28,
            "PEK_CERT_PADDR 0 PEK_CERT_LEN 8 RESERVED 12 OCA_CERT_PADDR 16 OCA_CERT_LEN 24"),
        row(DownloadFirmwareBuffer.LAYOUT, 12, "FW_PADDR 0 FW_LEN 8"),
        row(
            InitExBuffer.LAYOUT,
            36,
            "EX_LEN 0 FLAGS 4 TMR_PADDR 8 TMR_LENGTH 16 RESERVED 20 NV_PADDR 24 NV_LENGTH 32"),
        row(ActivateExBuffer.LAYOUT, 24, "EX_LEN 0 HANDLE 4 ASID 8 NUM_IDS 12 IDS_PADDR 16"),
        row(AttestationBuffer.LAYOUT, 36, "HANDLE 0 RESERVED 4 PADDR 8 MNONCE 16 LENGTH 32"),
        row(
            AttestationReport.LAYOUT,
            208,
            "MNONCE 0 LAUNCH_DIGEST 16 POLICY 48 SIG_USAGE 52 SIG_ALGO 56 RESERVED 60 SIG 64"),
        row(
            SendStartBuffer.LAYOUT,
            68,
            "HANDLE 0 POLICY 4 PDH_CERT_PADDR 8 PDH_CERT_LEN 16 RESERVED_1 20 PLAT_CERTS_PADDR 24"
                + " PLAT_CERTS_LEN 32 RESERVED_2 36 AMD_CERTS_PADDR 40 AMD_CERTS_LEN 48 RESERVED_3"
                + " 52 SESSION_PADDR 56 SESSION_LEN 64"),
        row(DbgBuffer.LAYOUT, 28, "HANDLE 0 RESERVED 4 SRC_PADDR 8 DST_PADDR 16 LENGTH 24"),
        row(SessionBlob.LAYOUT, 128, "NONCE 0 WRAP_TK 16 WRAP_IV 48 WRAP_MAC 64 POLICY_MAC 96"),
        row(Measurement.LAYOUT, 48, "MEASURE 0 MNONCE 32"),
        row(PacketHeader.LAYOUT, 52, "FLAGS 0 IV 4 MAC 20"),
        row(
            SevCertificate.LAYOUT,
            2084,
            "VERSION 0 API_MAJOR 4 API_MINOR 5 RESERVED 6 PUBKEY_USAGE 8 PUBKEY_ALGO 12 CURVE 16 QX"
                + " 20 QY 92 RESERVED_KEY 164 SIG1_USAGE 1044 SIG1_ALGO 1048 SIG1 1052 SIG2_USAGE"
                + " 1564 SIG2_ALGO 1568 SIG2 1572"),
        row(
            CaCertificate.LAYOUT_2048,
            832,
            "VERSION 0 KEY_ID 4 CERTIFYING_ID 20 KEY_USAGE 36 RESERVED 40 PUBEXP_SIZE 56"
                + " MODULUS_SIZE 60 PUBEXP 64 MODULUS 320 SIG 576"),
        row(
            CaCertificate.LAYOUT_4096,
            1600,
            "VERSION 0 KEY_ID 4 CERTIFYING_ID 20 KEY_USAGE 36 RESERVED 40 PUBEXP_SIZE 56"
                + " MODULUS_SIZE 60 PUBEXP 64 MODULUS 576 SIG 1088"));
  }

  private static Arguments row(StructLayout layout, long size, String offsets) {
    return Arguments.of(layout, size, offsets);
  }

  @ParameterizedTest
  @MethodSource("layouts")
  void shouldHaveTheSizeAndOffsetsOfTheSource(StructLayout layout, long size, String offsets) {
    assertEquals(size, layout.byteSize());
    String got =
        layout.memberLayouts().stream()
            .map(m -> m.name().orElseThrow())
            .map(n -> n + " " + Field.of(layout, n).offset())
            .collect(Collectors.joining(" "));
    assertEquals(offsets, got);
  }

  @Test
  void shouldReadBackWhatWasWrittenWithReservedZero() {
    byte[] raw = new byte[52];
    java.util.Arrays.fill(raw, (byte) 0xFF);
    MemorySegment s = MemorySegment.ofArray(raw);
    LaunchSecretBuffer b = new LaunchSecretBuffer(1, 2L << 40, 52, 4L << 40, 16, -1L, 0x8000_0000);
    b.write(s);
    assertEquals(b, LaunchSecretBuffer.read(s));
    assertEquals(
        0, org.redoubt.struct.Reserved.firstNonZero(LaunchSecretBuffer.LAYOUT, s).stream().count());
  }

  @Test
  void shouldAgreeWithTheCommandTableOnBufferSizes() {
    Map<SevCommand, StructLayout> buffers =
        Map.ofEntries(
            Map.entry(SevCommand.INIT, InitBuffer.LAYOUT),
            Map.entry(SevCommand.PLATFORM_STATUS, PlatformStatusBuffer.LAYOUT),
            Map.entry(SevCommand.PDH_CERT_EXPORT, PdhCertExportBuffer.LAYOUT),
            Map.entry(SevCommand.GET_ID, GetIdBuffer.LAYOUT),
            Map.entry(SevCommand.DECOMMISSION, HandleBuffer.LAYOUT),
            Map.entry(SevCommand.DEACTIVATE, HandleBuffer.LAYOUT),
            Map.entry(SevCommand.LAUNCH_FINISH, HandleBuffer.LAYOUT),
            Map.entry(SevCommand.ACTIVATE, ActivateBuffer.LAYOUT),
            Map.entry(SevCommand.GUEST_STATUS, GuestStatusBuffer.LAYOUT),
            Map.entry(SevCommand.LAUNCH_START, LaunchStartBuffer.LAYOUT),
            Map.entry(SevCommand.LAUNCH_UPDATE_DATA, LaunchUpdateBuffer.LAYOUT),
            Map.entry(SevCommand.LAUNCH_UPDATE_VMSA, LaunchUpdateBuffer.LAYOUT),
            Map.entry(SevCommand.LAUNCH_MEASURE, LaunchMeasureBuffer.LAYOUT),
            Map.entry(SevCommand.LAUNCH_SECRET, LaunchSecretBuffer.LAYOUT),
            Map.entry(SevCommand.PEK_CSR, PekCsrBuffer.LAYOUT),
            Map.entry(SevCommand.PEK_CERT_IMPORT, PekCertImportBuffer.LAYOUT),
            Map.entry(SevCommand.DOWNLOAD_FIRMWARE, DownloadFirmwareBuffer.LAYOUT),
            Map.entry(SevCommand.INIT_EX, InitExBuffer.LAYOUT),
            Map.entry(SevCommand.ACTIVATE_EX, ActivateExBuffer.LAYOUT),
            Map.entry(SevCommand.ATTESTATION, AttestationBuffer.LAYOUT),
            Map.entry(SevCommand.SEND_START, SendStartBuffer.LAYOUT),
            Map.entry(SevCommand.SEND_UPDATE_DATA, LaunchSecretBuffer.LAYOUT),
            Map.entry(SevCommand.SEND_UPDATE_VMSA, LaunchSecretBuffer.LAYOUT),
            Map.entry(SevCommand.SEND_FINISH, HandleBuffer.LAYOUT),
            Map.entry(SevCommand.SEND_CANCEL, HandleBuffer.LAYOUT),
            Map.entry(SevCommand.RECEIVE_START, LaunchStartBuffer.LAYOUT),
            Map.entry(SevCommand.RECEIVE_UPDATE_DATA, LaunchSecretBuffer.LAYOUT),
            Map.entry(SevCommand.RECEIVE_UPDATE_VMSA, LaunchSecretBuffer.LAYOUT),
            Map.entry(SevCommand.RECEIVE_FINISH, HandleBuffer.LAYOUT),
            Map.entry(SevCommand.DBG_DECRYPT, DbgBuffer.LAYOUT),
            Map.entry(SevCommand.DBG_ENCRYPT, DbgBuffer.LAYOUT));
    buffers.forEach((c, l) -> assertEquals(c.bufferBytes(), l.byteSize(), c.name()));
  }

  @Test
  void shouldSplitAChainAsItWasJoined() {
    byte[] raw = new byte[PlatformChain.BYTES];
    new java.util.Random(1).nextBytes(raw);
    assertArrayEquals(raw, PlatformChain.of(raw).toBytes());
    assertThrows(
        IllegalArgumentException.class, () -> PlatformChain.of(new byte[PlatformChain.BYTES - 1]));
    assertThrows(IllegalArgumentException.class, () -> new SevCertificate(new byte[2083]));
    assertThrows(IllegalArgumentException.class, () -> new CaCertificate(new byte[833]));
  }
}
