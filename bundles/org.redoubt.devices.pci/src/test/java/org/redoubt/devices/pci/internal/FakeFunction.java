package org.redoubt.devices.pci.internal;

import java.util.List;
import org.redoubt.api.device.PciCapability;
import org.redoubt.api.device.PciFunction;

/** Notes what the bus asks of it. */
final class FakeFunction implements PciFunction {
  static final int CAPABILITY = 0x09;

  private final List<Integer> bars;
  private final int vectors;
  String last = "";

  FakeFunction(List<Integer> bars, int vectors) {
    this.bars = bars;
    this.vectors = vectors;
  }

  @Override
  public Identity identity() {
    return new Identity(0x1AF4, 0x1042, 7, 0x01_8000, 0x1AF4, 0x42);
  }

  @Override
  public List<Integer> bars() {
    return bars;
  }

  @Override
  public int vectors() {
    return vectors;
  }

  @Override
  public List<PciCapability> capabilities() {
    return List.of(
        new PciCapability() {
          @Override
          public int id() {
            return CAPABILITY;
          }

          @Override
          public int bytes() {
            return 16;
          }

          @Override
          public int read(int offset, int bytes) {
            return 0x1234_1234;
          }

          @Override
          public void write(int offset, int bytes, int value) {
            last = "capability %d %d %x".formatted(offset, bytes, value);
          }
        });
  }

  @Override
  public long read(int bar, long offset, int bytes) {
    last = "read %d %x %d".formatted(bar, offset, bytes);
    return 0x77;
  }

  @Override
  public void write(int bar, long offset, int bytes, long value) {
    last = "write %d %x %d %x".formatted(bar, offset, bytes, value);
  }
}
