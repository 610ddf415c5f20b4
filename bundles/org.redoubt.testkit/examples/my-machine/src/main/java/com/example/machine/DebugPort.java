package com.example.machine;

import java.nio.ByteBuffer;
import java.util.zip.CRC32;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.Device;
import org.redoubt.api.device.DeviceContext;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.api.device.PortHandler;

/**
 * A debug console: a line written to port E9h is reported to the machine's owner, and a write to
 * port F4h ends the run with the number of characters so far. Reads of E9h give E9h, so that guests
 * find it.
 */
final class DebugPort implements Device, PortHandler {
  private static final int TEXT = 0xE9;
  private static final int EXIT = 0xF4;
  private static final int MOST = 80;
  private static final int BYTES = 4 + 4 + MOST + 8;

  private final DeviceContext context;
  private final StringBuilder line = new StringBuilder();
  private int characters;

  private DebugPort(DeviceContext context) throws HypervisorException {
    this.context = context;
    context.claimPorts(TEXT, 1, this);
    context.claimPorts(EXIT, 1, this);
  }

  /** Offers it in place of the machine's own {@code debug-exit}. */
  @Component(property = {DeviceFactory.DEVICE_NAME + "=debug-exit", "service.ranking:Integer=100"})
  public static final class Factory implements DeviceFactory {
    @Override
    public Device create(DeviceContext context) throws HypervisorException {
      return new DebugPort(context);
    }
  }

  @Override
  public int in(int port, int bytes) {
    int ones = -1 >>> 32 - 8 * bytes;
    return port == TEXT ? ones & ~0xff | TEXT : ones;
  }

  @Override
  public void out(int port, int bytes, int value) {
    if (port == EXIT) {
      context.control().exit(characters & 0xff);
      return;
    }
    characters++;
    int character = value & 0xff;
    if (character == '\n' || line.length() == MOST) {
      context.report("the guest says: " + line);
      line.setLength(0);
    }
    if (character >= ' ' && character < 0x7f) {
      line.append((char) character);
    }
  }

  @Override
  public String name() {
    return context.name();
  }

  @Override
  public void reset() {
    line.setLength(0);
    characters = 0;
  }

  @Override
  public byte[] save() {
    ByteBuffer state = ByteBuffer.allocate(BYTES);
    state.putInt(characters).putInt(line.length());
    for (int i = 0; i < line.length(); i++) {
      state.put((byte) line.charAt(i));
    }
    state.putLong(BYTES - 8, checksum(state.array()));
    return state.array();
  }

  private static long checksum(byte[] state) {
    CRC32 sum = new CRC32();
    sum.update(state, 0, BYTES - 8);
    return sum.getValue();
  }

  @Override
  public void restore(byte[] state) {
    ByteBuffer saved = ByteBuffer.wrap(state);
    if (state.length != BYTES || saved.getLong(BYTES - 8) != checksum(state)) {
      throw new IllegalArgumentException("Not the state of a debug port");
    }
    reset();
    characters = saved.getInt();
    int length = saved.getInt();
    for (int i = 0; i < length; i++) {
      line.append((char) saved.get());
    }
  }

  @Override
  public void close() {}
}
