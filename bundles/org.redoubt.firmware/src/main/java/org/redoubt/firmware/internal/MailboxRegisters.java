package org.redoubt.firmware.internal;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.firmware.Mailbox;
import org.redoubt.spec.sev.FirmwareStatus;

/**
 * The registers of {@link org.redoubt.spec.sev.Mailbox}. A store to CMDRESP carries the command out
 * before it returns; the address registers are taken over at that moment. Stores are taken one at a
 * time, loads at any time: while a command runs, CMDRESP reads without RESP.
 */
final class MailboxRegisters implements Mailbox {
  private static final int VERSION = 0x00_01_37_01; // AA.BB.CC.DD, as Linux prints it

  private final Dispatcher dispatcher;
  private final Object stores = new Object();
  private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
  private volatile int cmdresp = org.redoubt.spec.sev.Mailbox.RESP;
  private volatile int addressLow;
  private volatile int addressHigh;
  private volatile int interruptEnable;
  private volatile int interruptStatus;

  /** Who has the registers after an update; CMDRESP is still ours until the next command. */
  private volatile @Nullable Mailbox successor;

  private volatile boolean answering = true;

  MailboxRegisters(Dispatcher dispatcher) {
    this.dispatcher = dispatcher;
  }

  /** Leaves the registers to another firmware, from the next command on. */
  void handOver(Mailbox next) {
    listeners.forEach(next::onInterrupt);
    successor = next;
  }

  @Override
  public int read(int offset) {
    Mailbox next = successor;
    if (next != null && !(answering && isOurs(offset))) {
      return next.read(offset);
    }
    return switch (offset) {
      case org.redoubt.spec.sev.Mailbox.CMDRESP -> cmdresp;
      case org.redoubt.spec.sev.Mailbox.CMDBUF_ADDR_LO -> addressLow;
      case org.redoubt.spec.sev.Mailbox.CMDBUF_ADDR_HI -> addressHigh;
      case org.redoubt.spec.sev.Mailbox.INTEN -> interruptEnable;
      case org.redoubt.spec.sev.Mailbox.INTSTS -> interruptStatus;
      case org.redoubt.spec.sev.Mailbox.FEATURES -> org.redoubt.spec.sev.Mailbox.FEATURE_SEV;
      case org.redoubt.spec.sev.Mailbox.BOOTLOADER_INFO -> VERSION;
      default -> -1;
    };
  }

  private static boolean isOurs(int offset) {
    return offset == org.redoubt.spec.sev.Mailbox.CMDRESP
        || offset == org.redoubt.spec.sev.Mailbox.INTSTS;
  }

  @Override
  public void write(int offset, int value) {
    Mailbox next = successor;
    if (next != null) {
      if (offset == org.redoubt.spec.sev.Mailbox.INTSTS && answering) {
        interruptStatus &= ~value;
        return;
      }
      answering = answering && offset != org.redoubt.spec.sev.Mailbox.CMDRESP;
      next.write(offset, value);
      return;
    }
    boolean interrupt = false;
    synchronized (stores) {
      switch (offset) {
        case org.redoubt.spec.sev.Mailbox.CMDRESP -> interrupt = command(value);
        case org.redoubt.spec.sev.Mailbox.CMDBUF_ADDR_LO -> addressLow = value;
        case org.redoubt.spec.sev.Mailbox.CMDBUF_ADDR_HI -> addressHigh = value;
        case org.redoubt.spec.sev.Mailbox.INTEN -> interruptEnable = value;
        case org.redoubt.spec.sev.Mailbox.INTSTS -> interruptStatus &= ~value;
        default -> {} // nothing is there
      }
    }
    if (interrupt) {
      listeners.forEach(Runnable::run);
    }
  }

  /** Carries out; returns whether an interrupt is due. */
  private boolean command(int value) {
    int id = org.redoubt.spec.sev.Mailbox.command(value);
    cmdresp = value & ~org.redoubt.spec.sev.Mailbox.RESP;
    long spa = Integer.toUnsignedLong(addressHigh) << 32 | Integer.toUnsignedLong(addressLow);
    FirmwareStatus status = dispatcher.dispatch(id, spa);
    cmdresp =
        org.redoubt.spec.sev.Mailbox.commandWord(id, false)
            | org.redoubt.spec.sev.Mailbox.RESP
            | status.code();
    if ((value & org.redoubt.spec.sev.Mailbox.IOC) == 0) {
      return false;
    }
    interruptStatus |= org.redoubt.spec.sev.Mailbox.CMD_COMPLETE;
    return (interruptEnable & org.redoubt.spec.sev.Mailbox.CMD_COMPLETE) != 0;
  }

  @Override
  public void onInterrupt(Runnable listener) {
    listeners.add(listener);
    Mailbox next = successor;
    if (next != null) {
      next.onInterrupt(listener);
    }
  }
}
