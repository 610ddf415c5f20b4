package org.redoubt.spec.sev;

import org.redoubt.struct.Bits;

/**
 * The registers through which a host talks to the secure processor, as Linux's {@code ccp} driver
 * uses them on Rome and Milan (PCI 1022:1486, BAR 2; {@code drivers/crypto/ccp/sp-pci.c}, {@code
 * pspv2} and {@code sevv2}; bits from {@code psp-dev.h}, {@code sev-dev.c}). All are 32 bits wide;
 * offsets are from the start of the BAR.
 *
 * <pre>
 * 10690h  P2CMSG_INTEN   interrupt enable
 * 10694h  P2CMSG_INTSTS  interrupt status, write one to clear
 * 10980h  C2PMSG_32      CMDRESP: command and response
 * 109E0h  C2PMSG_56      command buffer address, bits 31:0
 * 109E4h  C2PMSG_57      command buffer address, bits 63:32
 * 109ECh  C2PMSG_59      boot loader version
 * 109FCh  C2PMSG_63      features
 *
 * CMDRESP   31 RESP   26:16 command, written   15:0 status, read   0 IOC (interrupt on completion), written
 * </pre>
 */
public final class Mailbox {
  /** PCI vendor. */
  public static final int PCI_VENDOR = 0x1022;

  /** PCI device of a Rome or Milan secure processor. */
  public static final int PCI_DEVICE = 0x1486;

  /** The base address register with these offsets. */
  public static final int BAR = 2;

  /** Bytes in the BAR. */
  public static final int BAR_BYTES = 0x100000;

  public static final int INTEN = 0x10690;
  public static final int INTSTS = 0x10694;
  public static final int CMDRESP = 0x10980;
  public static final int CMDBUF_ADDR_LO = 0x109E0;
  public static final int CMDBUF_ADDR_HI = 0x109E4;
  public static final int BOOTLOADER_INFO = 0x109EC;
  public static final int FEATURES = 0x109FC;

  /** CMDRESP: the answer is there. */
  public static final int RESP = 1 << 31;

  /** CMDRESP: interrupt on completion. */
  public static final int IOC = 1;

  /**
   * INTEN, INTSTS: command completion. Linux {@code SEV_CMD_COMPLETE}, {@code PSP_CMD_COMPLETE}.
   */
  public static final int CMD_COMPLETE = 1 << 1;

  /** FEATURES: SEV is there. Linux {@code psp-dev.h}, {@code PSP_CAPABILITY_SEV}. */
  public static final int FEATURE_SEV = 1;

  private Mailbox() {}

  /** The value that starts {@code command}. */
  public static int commandWord(int command, boolean interruptOnCompletion) {
    return (int) Bits.with(0, 26, 16, command) | (interruptOnCompletion ? IOC : 0);
  }

  /** The command in a written CMDRESP. */
  public static int command(int cmdresp) {
    return (int) Bits.field(cmdresp, 26, 16);
  }

  /** The status in a read CMDRESP. */
  public static int status(int cmdresp) {
    return cmdresp & 0xFFFF;
  }
}
