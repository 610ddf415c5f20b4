package org.redoubt.devices.platform.internal;

import java.util.Arrays;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.CharInput;
import org.redoubt.api.device.CharOutput;
import org.redoubt.api.device.Device;
import org.redoubt.api.device.DeviceContext;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.api.device.IrqLine;
import org.redoubt.api.device.PortHandler;
import org.redoubt.struct.SavedState;

/**
 * A serial port with FIFOs. National Semiconductor PC16550D, table 2.
 *
 * <pre>
 *   +0  RBR  r    received byte           DLAB=1: DLL, divisor's low byte
 *       THR  w    byte to send
 *   +1  IER  rw   bit 0 received, 1 THR empty, 2 line, 3 modem      DLAB=1: DLM
 *   +2  IIR  r    bit 0 none pending, 3:1 cause, 7:6 FIFOs on
 *       FCR  w    bit 0 FIFOs on, 1 clear receiver's, 2 clear sender's, 7:6 trigger level
 *   +3  LCR  rw   bit 7 DLAB
 *   +4  MCR  rw   bit 0 DTR, 1 RTS, 2 OUT1, 3 OUT2 (gates the interrupt), 4 loop
 *   +5  LSR  r    bit 0 data ready, 1 overrun, 5 THR empty, 6 sender empty
 *   +6  MSR  r    bits 7:4 DCD RI DSR CTS, 3:0 what changed
 *   +7  SCR  rw   scratch
 * </pre>
 *
 * Bytes leave at once; the baud rate is kept and has no effect. Options: {@code port} (3F8h),
 * {@code gsi} (4).
 */
final class Uart16550 implements Device, PortHandler, CharInput {
  private static final int FIFO_BYTES = 16;
  private static final int IER_RECEIVED = 1;
  private static final int IER_THR_EMPTY = 2;
  private static final int IER_LINE = 4;
  private static final int IER_MODEM = 8;
  private static final int IIR_NONE = 1;
  private static final int IIR_MODEM = 0;
  private static final int IIR_THR_EMPTY = 2;
  private static final int IIR_RECEIVED = 4;
  private static final int IIR_LINE = 6;
  private static final int IIR_TIMEOUT = 0xC;
  private static final int LCR_DLAB = 0x80;
  private static final int MCR_OUT2 = 8;
  private static final int MCR_LOOP = 0x10;
  private static final int LSR_READY = 1;
  private static final int LSR_OVERRUN = 2;
  private static final int LSR_SENDER_EMPTY = 0x60;

  /** DCD, DSR and CTS: somebody listens. */
  private static final int MSR_CONNECTED = 0xB0;

  private static final int KIND = 0x5541_5254;
  private static final int VERSION = 1;
  private static final int[] TRIGGER = {1, 4, 8, 14};

  private final String name;
  private final IrqLine irq;
  private final CharOutput output;
  private final int[] fifo = new int[FIFO_BYTES];
  private int fifoHead;
  private int fifoCount;
  private int divisor;
  private int ier;
  private int fcr;
  private int lcr;
  private int mcr;
  private int scratch;
  private int modemDelta;
  private boolean overrun;
  private boolean thrEmptyPending;

  Uart16550(DeviceContext context) throws HypervisorException {
    name = context.name();
    irq = context.irq(Options.number(context, "gsi", 4));
    output = context.console(this);
    context.claimPorts(Options.number(context, "port", 0x3F8), 8, this);
    reset();
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public void reset() {
    fifoHead = 0;
    fifoCount = 0;
    Arrays.fill(fifo, 0);
    divisor = 12;
    ier = 0;
    fcr = 0;
    lcr = 0;
    mcr = 0;
    scratch = 0;
    modemDelta = 0;
    overrun = false;
    thrEmptyPending = false;
    irq.set(false);
  }

  @Override
  public boolean receive(int value) {
    if ((mcr & MCR_LOOP) != 0 || fifoCount == capacity()) {
      return false;
    }
    push(value);
    updateIrq();
    return true;
  }

  @Override
  public int in(int port, int bytes) {
    int value =
        switch (port & 7) {
          case 0 -> dlab() ? divisor & 0xFF : pop();
          case 1 -> dlab() ? divisor >> 8 : ier;
          case 2 -> readIir();
          case 3 -> lcr;
          case 4 -> mcr;
          case 5 -> readLsr();
          case 6 -> readMsr();
          default -> scratch;
        };
    updateIrq();
    return value | Options.onesAbove(bytes);
  }

  @Override
  public void out(int port, int bytes, int wide) {
    int value = wide & 0xFF;
    switch (port & 7) {
      case 0 -> {
        if (dlab()) {
          divisor = (divisor & 0xFF00) | value;
        } else {
          send(value);
        }
      }
      case 1 -> {
        if (dlab()) {
          divisor = (divisor & 0xFF) | value << 8;
        } else {
          writeIer(value);
        }
      }
      case 2 -> writeFcr(value);
      case 3 -> lcr = value;
      case 4 -> writeMcr(value);
      case 7 -> scratch = value;
      default -> {} // LSR and MSR are for reading
    }
    updateIrq();
  }

  private boolean dlab() {
    return (lcr & LCR_DLAB) != 0;
  }

  private int capacity() {
    return (fcr & 1) != 0 ? FIFO_BYTES : 1;
  }

  private void push(int value) {
    if (fifoCount == capacity()) {
      overrun = true;
      return;
    }
    fifo[(fifoHead + fifoCount) % FIFO_BYTES] = value & 0xFF;
    fifoCount++;
  }

  private int pop() {
    if (fifoCount == 0) {
      return 0;
    }
    int value = fifo[fifoHead];
    fifoHead = (fifoHead + 1) % FIFO_BYTES;
    fifoCount--;
    if ((mcr & MCR_LOOP) == 0) {
      output.ready();
    }
    return value;
  }

  private void send(int value) {
    if ((mcr & MCR_LOOP) != 0) {
      push(value);
    } else {
      output.send(value);
    }
    thrEmptyPending = true; // it was full for no time at all
  }

  private void writeIer(int value) {
    if ((value & IER_THR_EMPTY) != 0 && (ier & IER_THR_EMPTY) == 0) {
      thrEmptyPending = true;
    }
    ier = value & 0xF;
  }

  private void writeFcr(int value) {
    boolean toggled = ((fcr ^ value) & 1) != 0;
    if (toggled || (value & 3) == 3) {
      fifoCount = 0;
      overrun = false;
    }
    fcr = (value & 1) != 0 ? value & 0xC9 : 0;
    if (fifoCount == 0 && (mcr & MCR_LOOP) == 0) {
      output.ready();
    }
  }

  private void writeMcr(int value) {
    int before = modemLines();
    mcr = value & 0x1F;
    modemDelta |= (before ^ modemLines()) >> 4;
  }

  private int modemLines() {
    if ((mcr & MCR_LOOP) == 0) {
      return MSR_CONNECTED;
    }
    // DTR to DSR, RTS to CTS, OUT1 to RI, OUT2 to DCD
    return (mcr & 1) << 5 | (mcr & 2) << 3 | (mcr & 4) << 4 | (mcr & 8) << 4;
  }

  private int readLsr() {
    int value = LSR_SENDER_EMPTY | (fifoCount > 0 ? LSR_READY : 0) | (overrun ? LSR_OVERRUN : 0);
    overrun = false;
    return value;
  }

  private int readMsr() {
    int value = modemLines() | modemDelta;
    modemDelta = 0;
    return value;
  }

  private int cause() {
    if ((ier & IER_LINE) != 0 && overrun) {
      return IIR_LINE;
    }
    if ((ier & IER_RECEIVED) != 0 && fifoCount > 0) {
      // Below the trigger level the time-out fires; no time is simulated, so it does at once.
      return (fcr & 1) == 0 || fifoCount >= TRIGGER[fcr >> 6 & 3] ? IIR_RECEIVED : IIR_TIMEOUT;
    }
    if ((ier & IER_THR_EMPTY) != 0 && thrEmptyPending) {
      return IIR_THR_EMPTY;
    }
    return (ier & IER_MODEM) != 0 && modemDelta != 0 ? IIR_MODEM : IIR_NONE;
  }

  private int readIir() {
    int cause = cause();
    if (cause == IIR_THR_EMPTY) {
      thrEmptyPending = false;
    }
    return cause | ((fcr & 1) != 0 ? 0xC0 : 0);
  }

  private void updateIrq() {
    irq.set(cause() != IIR_NONE && (mcr & MCR_OUT2) != 0);
  }

  @Override
  public byte[] save() {
    long[] values = new long[12 + FIFO_BYTES];
    long[] registers = {
      fifoHead,
      fifoCount,
      divisor,
      ier,
      fcr,
      lcr,
      mcr,
      scratch,
      modemDelta,
      overrun ? 1 : 0,
      thrEmptyPending ? 1 : 0
    };
    System.arraycopy(registers, 0, values, 0, registers.length);
    for (int i = 0; i < FIFO_BYTES; i++) {
      values[12 + i] = fifo[i];
    }
    return SavedState.write(KIND, VERSION, values);
  }

  @Override
  public void restore(byte[] state) {
    long[] v = SavedState.read(state, KIND, VERSION, 12 + FIFO_BYTES);
    fifoHead = (int) v[0] & (FIFO_BYTES - 1);
    fifoCount = Math.clamp(v[1], 0, FIFO_BYTES);
    divisor = (int) v[2] & 0xFFFF;
    ier = (int) v[3] & 0xF;
    fcr = (int) v[4] & 0xC9;
    lcr = (int) v[5] & 0xFF;
    mcr = (int) v[6] & 0x1F;
    scratch = (int) v[7] & 0xFF;
    modemDelta = (int) v[8] & 0xF;
    overrun = v[9] != 0;
    thrEmptyPending = v[10] != 0;
    for (int i = 0; i < FIFO_BYTES; i++) {
      fifo[i] = (int) v[12 + i] & 0xFF;
    }
    updateIrq();
  }

  @Override
  public void close() {
    irq.set(false);
  }

  /** Makes it. */
  @Component(property = DeviceFactory.DEVICE_NAME + "=uart16550")
  public static final class Factory implements DeviceFactory {
    @Override
    public Device create(DeviceContext context) throws HypervisorException {
      return new Uart16550(context);
    }
  }
}
