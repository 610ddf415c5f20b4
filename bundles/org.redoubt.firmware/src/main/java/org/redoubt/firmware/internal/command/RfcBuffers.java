package org.redoubt.firmware.internal.command;

import static org.redoubt.struct.Layouts.bytes;
import static org.redoubt.struct.Layouts.reserved;
import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u32;
import static org.redoubt.struct.Layouts.u64;
import static org.redoubt.struct.Layouts.u8;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.util.Arrays;
import org.redoubt.struct.Field;

/**
 * Structures of the first posting for Linux that have no counterpart in the SEV API, their fixed
 * parts as they are in memory. Source: {@code uapi/linux/ccp-psp.h}, {@code linux/ccp-psp.h}.
 */
final class RfcBuffers {
  static final StructLayout START =
      struct(
          "RFC_LAUNCH_START",
          u32("BUFFER_LEN"),
          u32("HANDLE"),
          u32("FLAGS"),
          u32("POLICY"),
          bytes(64, "DH_PUB"),
          bytes(16, "NONCE"));

  static final StructLayout CSR = struct("RFC_PEK_CSR", u32("BUFFER_LEN"));

  static final StructLayout IMPORT =
      struct("RFC_PEK_CERT_IMPORT", u32("BUFFER_LEN"), u32("NCERTS"), u32("CERT_LEN"));

  static final StructLayout EXPORT =
      struct(
          "RFC_PDH_CERT_EXPORT",
          u32("BUFFER_LEN"),
          u8("API_MAJOR"),
          u8("API_MINOR"),
          bytes(2, "PAD"),
          u32("SERIAL"),
          bytes(64, "PDH_PUB"),
          bytes(64, "PEK_SIG"),
          bytes(64, "CEK_SIG"),
          bytes(64, "CEK_PUB"),
          u32("NCERTS"),
          u32("CERT_LEN"));

  static final StructLayout SEND =
      struct(
          "RFC_SEND_START",
          u32("BUFFER_LEN"),
          bytes(16, "NONCE"),
          u32("POLICY"),
          bytes(32, "POLICY_MEAS"),
          bytes(24, "WRAPPED_TEK"),
          bytes(8, "PAD1"),
          bytes(24, "WRAPPED_TIK"),
          bytes(8, "PAD2"),
          bytes(16, "TEN"),
          bytes(16, "IV"),
          u32("HANDLE"),
          u32("FLAGS"),
          u8("API_MAJOR"),
          u8("API_MINOR"),
          reserved(2, ""),
          u32("SERIAL"),
          bytes(64, "DH_PUB"),
          bytes(64, "PEK_SIG"),
          bytes(64, "CEK_SIG"),
          bytes(64, "CEK_PUB"),
          bytes(64, "ASK_SIG"),
          u32("NCERTS"),
          u32("CERT_LEN"));

  static final StructLayout SEND_UPDATE =
      struct(
          "RFC_SEND_UPDATE",
          u32("BUFFER_LEN"),
          u32("HANDLE"),
          u64("SRC_ADDR"),
          u64("DST_ADDR"),
          u32("LENGTH"));

  static final StructLayout RECEIVE =
      struct(
          "RFC_RECEIVE_START",
          u32("BUFFER_LEN"),
          u32("HANDLE"),
          u32("FLAGS"),
          u32("POLICY"),
          bytes(32, "POLICY_MEAS"),
          bytes(24, "WRAPPED_TEK"),
          reserved(8, "1"),
          bytes(24, "WRAPPED_TIK"),
          reserved(8, "2"),
          bytes(16, "TEN"),
          bytes(64, "DH_PUB"),
          bytes(16, "NONCE"));

  static final StructLayout RECEIVE_UPDATE =
      struct(
          "RFC_RECEIVE_UPDATE",
          u32("BUFFER_LEN"),
          u32("HANDLE"),
          bytes(16, "IV"),
          u64("ADDRESS"),
          u32("LENGTH"));

  static final StructLayout FINISH =
      struct("RFC_FINISH", u32("BUFFER_LEN"), u32("HANDLE"), bytes(32, "MEASUREMENT"));

  /** Where HANDLE is in all of them that start with it. */
  static final int HANDLE_OFFSET = 4;

  private RfcBuffers() {}

  static int getInt(StructLayout layout, String field, MemorySegment buffer) {
    return Field.of(layout, field).getInt(buffer);
  }

  static byte[] get(StructLayout layout, String field, MemorySegment buffer) {
    return Field.of(layout, field).getBytes(buffer);
  }

  /**
   * What a PEK signs of its platform, so that a PDH cannot be another's: version, serial number and
   * PDH as the structures have them, one after the other.
   */
  static byte[] platform(StructLayout layout, String point, MemorySegment buffer) {
    long from = Field.of(layout, "API_MAJOR").offset();
    byte[] out =
        Arrays.copyOf(buffer.asSlice(from, 8).toArray(java.lang.foreign.ValueLayout.JAVA_BYTE), 72);
    System.arraycopy(get(layout, point, buffer), 0, out, 8, 64);
    return out;
  }
}
