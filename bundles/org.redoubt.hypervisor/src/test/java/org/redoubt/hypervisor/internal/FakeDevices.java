package org.redoubt.hypervisor.internal;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.device.CharOutput;
import org.redoubt.api.device.Device;
import org.redoubt.api.device.DeviceContext;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.api.device.LocalApic;
import org.redoubt.api.device.LocalApics;
import org.redoubt.api.device.PortHandler;
import org.redoubt.api.device.VcpuSignal;

/** Devices that are just enough for a machine: an APIC, and one port that does what was asked. */
final class FakeDevices {
  private FakeDevices() {}

  /** Writing 1 powers off, 2 resets, 3 to the console, 100 and more exits with value - 100. */
  static final int PORT = 0x80;

  static class Plain implements Device {
    final String name;
    boolean closed;

    Plain(String name) {
      this.name = name;
    }

    @Override
    public String name() {
      return name;
    }

    @Override
    public void reset() {}

    @Override
    public byte[] save() {
      return new byte[0];
    }

    @Override
    public void restore(byte[] state) {}

    @Override
    public void close() {
      closed = true;
    }
  }

  static DeviceFactory device(Consumer<DeviceContext> plug) {
    return context -> {
      plug.accept(context);
      return new Plain(context.name());
    };
  }

  static final class Apics implements DeviceFactory {
    final List<Apic> apics = new ArrayList<>();

    @Override
    public Device create(DeviceContext context) {
      for (int i = 0; i < context.vcpus(); i++) {
        apics.add(new Apic());
      }
      int first = apics.size() - context.vcpus();
      context.offer(LocalApics.class, vcpu -> apics.get(first + vcpu));
      return new Plain(context.name());
    }
  }

  static final class Control implements DeviceFactory {
    final List<Plain> made = new ArrayList<>();
    final StringBuilder typed = new StringBuilder();
    int room = Integer.MAX_VALUE;

    @Override
    public Device create(DeviceContext context) throws org.redoubt.api.HypervisorException {
      CharOutput out =
          context.console(value -> {
            if (typed.length() >= room) {
              return false;
            }
            typed.append((char) value);
            return true;
          });
      context.claimPorts(
          PORT,
          1,
          new PortHandler() {
            @Override
            public int in(int port, int bytes) {
              room += 4;
              out.ready();
              return 0x5a;
            }

            @Override
            public void out(int port, int bytes, int value) {
              switch (value) {
                case 1 -> context.control().powerOff();
                case 2 -> context.control().reset("a test");
                case 3 -> "hello\n".chars().forEach(out::send);
                default -> context.control().exit(value - 100);
              }
            }
          });
      Plain plain = new Plain(context.name());
      made.add(plain);
      return plain;
    }
  }

  static final class Apic implements LocalApic {
    @Nullable VcpuSignal connected;

    VcpuSignal signal() {
      return java.util.Objects.requireNonNull(connected);
    }

    @Override
    public boolean pending() {
      return false;
    }

    @Override
    public int acknowledge() {
      return -1;
    }

    @Override
    public boolean takeNmi() {
      return false;
    }

    @Override
    public int cr8() {
      return 0;
    }

    @Override
    public void setCr8(int value) {}

    @Override
    public long readMsr(int msr) {
      return msr;
    }

    @Override
    public boolean writeMsr(int msr, long value) {
      return value != 0;
    }

    @Override
    public long base() {
      return 0xfee0_0000L;
    }

    @Override
    public long mmioRead(int offset, int bytes) {
      return offset;
    }

    @Override
    public void mmioWrite(int offset, int bytes, long value) {}

    @Override
    public void connect(VcpuSignal signal) {
      connected = signal;
    }
  }
}
