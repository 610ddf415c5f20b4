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
  private final Dialect dialect;
  private final Dialect.Registers at;
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

  MailboxRegisters(Dispatcher dispatcher, Dialect dialect) {
    this.dispatcher = dispatcher;
    this.dialect = dialect;
    this.at = dialect.registers();
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
    if (offset == at.cmdresp()) {
      return cmdresp;
    }
    if (offset == at.addressLow()) {
      return addressLow;
    }
    if (offset == at.addressHigh()) {
      return addressHigh;
    }
    if (offset == at.inten()) {
      return interruptEnable;
    }
    if (offset == at.intsts()) {
      return interruptStatus;
    }
    return switch (offset) {
      case org.redoubt.spec.sev.Mailbox.FEATURES -> org.redoubt.spec.sev.Mailbox.FEATURE_SEV;
      case org.redoubt.spec.sev.Mailbox.BOOTLOADER_INFO -> VERSION;
      default -> -1;
    };
  }

  private boolean isOurs(int offset) {
    return offset == at.cmdresp() || offset == at.intsts();
  }

  @Override
  public void write(int offset, int value) {
    Mailbox next = successor;
    if (next != null) {
      if (offset == at.intsts() && answering) {
        interruptStatus &= ~value;
        return;
      }
      answering = answering && offset != at.cmdresp();
      next.write(offset, value);
      return;
    }
    boolean interrupt = false;
    synchronized (stores) {
      if (offset == at.cmdresp()) {
        interrupt = command(value);
      } else if (offset == at.addressLow()) {
        addressLow = value;
      } else if (offset == at.addressHigh()) {
        addressHigh = value;
      } else if (offset == at.inten()) {
        interruptEnable = value;
      } else if (offset == at.intsts()) {
        interruptStatus &= ~value;
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
            | dialect.code(status);
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
