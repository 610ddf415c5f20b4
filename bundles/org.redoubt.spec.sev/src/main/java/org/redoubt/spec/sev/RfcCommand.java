package org.redoubt.spec.sev;

import java.util.Optional;

/**
 * The commands of the secure processor as the first posting of SEV support for Linux had them
 * (August 2016), before the SEV API got its numbers: what goes into CMDRESP, and the size of the
 * structure, which begins with its own length. Source: "[RFC PATCH v1 18/28] crypto: add AMD
 * Platform Security Processor driver", {@code uapi/linux/ccp-psp.h}, {@code linux/ccp-psp.h}.
 *
 * <pre>
 * all                  00h BUFFER_LEN
 * INIT                 04h FLAGS
 * PLATFORM_STATUS      04h API_MAJOR 05h API_MINOR 06h STATE 07h CERT_STATUS 08h FLAGS 0Ch GUEST_COUNT
 * ACTIVATE             04h HANDLE 08h ASID
 * DEACTIVATE, DECOMMISSION  04h HANDLE
 * GUEST_STATUS         04h HANDLE 08h POLICY 0Ch ASID 10h STATE (one byte)
 * LAUNCH_START         04h HANDLE 08h FLAGS 0Ch POLICY 10h DH_PUB_QX 30h DH_PUB_QY 50h NONCE
 * LAUNCH_UPDATE        04h HANDLE 08h ADDRESS 10h LENGTH
 * LAUNCH_FINISH        04h HANDLE 08h MEASUREMENT 28h STATE_LENGTH 2Ch STATE_MASK_ADDR 34h STATE_COUNT
 * DBG_DECRYPT, _ENCRYPT  04h HANDLE 08h SRC_ADDR 10h DST_ADDR 18h LENGTH
 * PEK_CSR              04h CSR...
 * PEK_CERT_IMPORT      04h NCERTS 08h CERT_LEN 0Ch CERTS...
 * PDH_CERT_EXPORT      04h API_MAJOR 05h API_MINOR 08h SERIAL 0Ch PDH_PUB 4Ch PEK_SIG 8Ch CEK_SIG CCh CEK_PUB
 *                      10Ch NCERTS 110h CERT_LEN 114h CERTS...
 * SEND_START           04h NONCE 14h POLICY 18h POLICY_MEAS 38h WRAPPED_TEK 58h WRAPPED_TIK 78h TEN 88h IV 98h HANDLE
 *                      9Ch FLAGS A0h API_MAJOR A1h API_MINOR A4h SERIAL A8h DH_PUB E8h PEK_SIG 128h CEK_SIG
 *                      168h CEK_PUB 1A8h ASK_SIG 1E8h NCERTS 1ECh CERT_LEN 1F0h CERTS...
 * SEND_UPDATE          04h HANDLE 08h SRC_ADDR 10h DST_ADDR 18h LENGTH
 * RECEIVE_START        04h HANDLE 08h FLAGS 0Ch POLICY 10h POLICY_MEAS 30h WRAPPED_TEK 50h WRAPPED_TIK 70h TEN
 *                      80h DH_PUB C0h NONCE
 * RECEIVE_UPDATE       04h HANDLE 08h IV 18h ADDRESS 20h LENGTH
 * SEND_FINISH, RECEIVE_FINISH  04h HANDLE 08h MEASUREMENT
 * </pre>
 */
public enum RfcCommand {
  INIT(1, SevCommand.INIT, 8),
  LAUNCH_START(2, SevCommand.LAUNCH_START, 96),
  LAUNCH_UPDATE(3, SevCommand.LAUNCH_UPDATE_DATA, 20),
  LAUNCH_FINISH(4, SevCommand.LAUNCH_FINISH, 56),
  ACTIVATE(5, SevCommand.ACTIVATE, 12),
  DF_FLUSH(6, SevCommand.DF_FLUSH, 0),
  SHUTDOWN(7, SevCommand.SHUTDOWN, 0),
  FACTORY_RESET(8, SevCommand.PLATFORM_RESET, 0),
  PLATFORM_STATUS(9, SevCommand.PLATFORM_STATUS, 16),
  PEK_GEN(10, SevCommand.PEK_GEN, 0),
  PEK_CSR(11, SevCommand.PEK_CSR, 4),
  PEK_CERT_IMPORT(12, SevCommand.PEK_CERT_IMPORT, 12),
  PDH_GEN(13, SevCommand.PDH_GEN, 0),
  PDH_CERT_EXPORT(14, SevCommand.PDH_CERT_EXPORT, 276),
  SEND_START(15, SevCommand.SEND_START, 496),
  SEND_UPDATE(16, SevCommand.SEND_UPDATE_DATA, 28),
  SEND_FINISH(17, SevCommand.SEND_FINISH, 40),
  RECEIVE_START(18, SevCommand.RECEIVE_START, 208),
  RECEIVE_UPDATE(19, SevCommand.RECEIVE_UPDATE_DATA, 36),
  RECEIVE_FINISH(20, SevCommand.RECEIVE_FINISH, 40),
  GUEST_STATUS(21, SevCommand.GUEST_STATUS, 17),
  DEACTIVATE(22, SevCommand.DEACTIVATE, 8),
  DECOMMISSION(23, SevCommand.DECOMMISSION, 8),
  DBG_DECRYPT(24, SevCommand.DBG_DECRYPT, 28),
  DBG_ENCRYPT(25, SevCommand.DBG_ENCRYPT, 28);

  /** Offsets of its registers: BAR 2 + 10500h + 80h, E0h, E4h, 110h, 114h. */
  public static final int CMDRESP = 0x10580;

  public static final int CMDBUF_ADDR_LO = 0x105E0;
  public static final int CMDBUF_ADDR_HI = 0x105E4;
  public static final int INTEN = 0x10610;
  public static final int INTSTS = 0x10614;

  private final int id;
  private final SevCommand today;
  private final int bufferBytes;

  RfcCommand(int id, SevCommand today, int bufferBytes) {
    this.id = id;
    this.today = today;
    this.bufferBytes = bufferBytes;
  }

  /** The number for bits 26:16 of CMDRESP. */
  public int id() {
    return id;
  }

  /** What it became. */
  public SevCommand today() {
    return today;
  }

  /** The least size of its structure in bytes, the length included; 0 for commands without one. */
  public int bufferBytes() {
    return bufferBytes;
  }

  /** The command with this number. */
  public static Optional<RfcCommand> of(int id) {
    return id < 1 || id > values().length ? Optional.empty() : Optional.of(values()[id - 1]);
  }

  /** What a command of today was then. */
  public static Optional<RfcCommand> of(SevCommand today) {
    for (RfcCommand c : values()) {
      if (c.today == today) {
        return Optional.of(c);
      }
    }
    return Optional.empty();
  }
}
