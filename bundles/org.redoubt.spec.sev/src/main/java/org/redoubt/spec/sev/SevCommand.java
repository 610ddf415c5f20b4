package org.redoubt.spec.sev;

import java.util.Optional;

/**
 * The commands of the SEV API (55766): the number that goes into CMDRESP and the size of the
 * command buffer. Numbers and sizes: Linux {@code linux/psp-sev.h}; those Linux does not have:
 * AMDESE/sev-tool {@code sevapi.h}.
 */
public enum SevCommand {
  INIT(0x001, 20),
  SHUTDOWN(0x002, 0),
  /** FACTORY_RESET in Linux. */
  PLATFORM_RESET(0x003, 0),
  PLATFORM_STATUS(0x004, 12),
  PEK_GEN(0x005, 0),
  PEK_CSR(0x006, 12),
  PEK_CERT_IMPORT(0x007, 28),
  PDH_CERT_EXPORT(0x008, 28),
  PDH_GEN(0x009, 0),
  DF_FLUSH(0x00A, 0),
  DOWNLOAD_FIRMWARE(0x00B, 12),
  GET_ID(0x00C, 12),
  INIT_EX(0x00D, 36),
  NOP(0x00E, 0),
  RING_BUFFER(0x00F, 40),
  DECOMMISSION(0x020, 4),
  ACTIVATE(0x021, 8),
  DEACTIVATE(0x022, 4),
  GUEST_STATUS(0x023, 13),
  COPY(0x024, 24),
  ACTIVATE_EX(0x025, 24),
  LAUNCH_START(0x030, 36),
  LAUNCH_UPDATE_DATA(0x031, 20),
  LAUNCH_UPDATE_VMSA(0x032, 20),
  LAUNCH_MEASURE(0x033, 20),
  LAUNCH_SECRET(0x034, 52),
  LAUNCH_FINISH(0x035, 4),
  ATTESTATION(0x036, 36),
  SEND_START(0x040, 68),
  SEND_UPDATE_DATA(0x041, 52),
  SEND_UPDATE_VMSA(0x042, 52),
  SEND_FINISH(0x043, 4),
  SEND_CANCEL(0x044, 4),
  RECEIVE_START(0x050, 36),
  RECEIVE_UPDATE_DATA(0x051, 52),
  RECEIVE_UPDATE_VMSA(0x052, 52),
  RECEIVE_FINISH(0x053, 4),
  DBG_DECRYPT(0x060, 28),
  DBG_ENCRYPT(0x061, 28),
  SWAP_OUT(0x070, 40),
  SWAP_IN(0x071, 32);

  private static final SevCommand[] BY_ID = new SevCommand[0x72];

  static {
    for (SevCommand c : values()) {
      BY_ID[c.id] = c;
    }
  }

  private final int id;
  private final int bufferBytes;

  SevCommand(int id, int bufferBytes) {
    this.id = id;
    this.bufferBytes = bufferBytes;
  }

  /** The number for bits 26:16 of CMDRESP. */
  public int id() {
    return id;
  }

  /** The size of the command buffer in bytes; 0 for commands without one. */
  public int bufferBytes() {
    return bufferBytes;
  }

  /** The command with this number, if the SEV API has one. */
  public static Optional<SevCommand> of(int id) {
    return id < 0 || id >= BY_ID.length ? Optional.empty() : Optional.ofNullable(BY_ID[id]);
  }
}
