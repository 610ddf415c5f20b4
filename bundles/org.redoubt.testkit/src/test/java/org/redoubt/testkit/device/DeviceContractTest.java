package org.redoubt.testkit.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Optional;
import java.util.zip.CRC32;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.Device;
import org.redoubt.api.device.DeviceContext;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.api.device.IrqLine;
import org.redoubt.api.device.PortHandler;
import org.redoubt.api.device.VirtualClock;
import org.redoubt.testkit.tool.Exam;

/** Examines the exam: a little device, sound or broken in one way, fails where it should. */
final class DeviceContractTest {
  private enum Flaw {
    NONE,
    NO_NAME,
    THROWS_AT_WIDE_READS,
    SIGN_EXTENDS,
    TAKES_TAKEN_PORTS,
    SHARES_ITS_REGISTER,
    KEEPS_ITS_THREAD,
    RESETS_HALF,
    SAVES_HALF,
    GIVES_ITS_OWN_ARRAY,
    TAKES_DAMAGED_STATE,
    TAKES_HALF_OF_DAMAGED_STATE,
    GOES_ON_WHEN_CLOSED,
    NEVER_RESTS
  }

  @ParameterizedTest
  @CsvSource({
    "NO_NAME, shouldHaveAName",
    "THROWS_AT_WIDE_READS, shouldTakeAnyWidthAtAnyOffset",
    "THROWS_AT_WIDE_READS, shouldSurviveAHostileGuest",
    "SIGN_EXTENDS, shouldTakeAnyWidthAtAnyOffset",
    "NEVER_RESTS, shouldSurviveAHostileGuest",
    "TAKES_TAKEN_PORTS, shouldPassOnThatARangeIsTaken",
    "SHARES_ITS_REGISTER, shouldShareNothingWithAnotherOfItsKind",
    "KEEPS_ITS_THREAD, shouldWorkOnWhicheverThreadCalls",
    "RESETS_HALF, shouldGoBackToItsPowerOnState",
    "SAVES_HALF, shouldComeBackFromItsSavedState",
    "GIVES_ITS_OWN_ARRAY, shouldComeBackFromItsSavedState",
    "TAKES_DAMAGED_STATE, shouldRefuseDamagedStateAndStayAsItWas",
    "TAKES_HALF_OF_DAMAGED_STATE, shouldRefuseDamagedStateAndStayAsItWas",
    "GOES_ON_WHEN_CLOSED, shouldDoNothingToTheMachineOnceItIsClosed",
  })
  void shouldRefuseABrokenDevice(Flaw flaw, String test) {
    Optional<Throwable> failure = Exam.failure(() -> new Contract(flaw), test);
    assertTrue(
        failure.isPresent() && failure.get() instanceof AssertionError
            || failure.isPresent() && flaw == Flaw.THROWS_AT_WIDE_READS,
        () -> flaw + " passed " + test + ", or broke it: " + failure);
    assertEquals(Optional.empty(), Exam.failure(() -> new Contract(Flaw.NONE), test));
  }

  private static final class Contract extends DeviceContract {
    private final Flaw flaw;

    Contract(Flaw flaw) {
      this.flaw = flaw;
    }

    @Override
    protected DeviceFactory factory() {
      return context -> new Counter(context, flaw);
    }
  }

  /** Two registers: one that is written and read, and one that starts a timer and its interrupt. */
  private static final class Counter implements Device, PortHandler {
    private static final int PORT = 0x300;
    private static int shared;

    private final Flaw flaw;
    private final DeviceContext context;
    private final IrqLine irq;
    private final VirtualClock.Timer timer;
    private final Thread maker = Thread.currentThread();
    private final byte[] own = new byte[16];
    private int register;
    private int fires;

    Counter(DeviceContext context, Flaw flaw) throws HypervisorException {
      this.flaw = flaw;
      this.context = context;
      irq = context.irq(5);
      timer = context.clock().timer("counter", this::fire);
      try {
        context.claimPorts(PORT, 2, this);
      } catch (HypervisorException e) {
        if (flaw != Flaw.TAKES_TAKEN_PORTS) {
          throw e;
        }
      }
    }

    private void fire() {
      fires = fires + 1 & 0xff;
      irq.pulse();
      timer.arm(context.clock().nowNs() + (flaw == Flaw.NEVER_RESTS ? 0 : 1_000_000));
    }

    @Override
    public int in(int port, int bytes) {
      if (flaw == Flaw.THROWS_AT_WIDE_READS && bytes > 1) {
        throw new IllegalArgumentException("bug: " + bytes);
      }
      int value = flaw == Flaw.SHARES_ITS_REGISTER ? shared : register;
      int ones = flaw == Flaw.SIGN_EXTENDS ? -1 : -1 >>> 32 - 8 * bytes;
      return port == PORT ? value | ones & ~0xff : ones;
    }

    @Override
    public void out(int port, int bytes, int value) {
      if (flaw == Flaw.KEEPS_ITS_THREAD && Thread.currentThread() != maker) {
        throw new IllegalStateException("bug: another thread");
      }
      if (port == PORT) {
        register = value & 0xff;
        shared = register;
      } else {
        timer.arm(context.clock().nowNs() + 1000);
      }
    }

    @Override
    public String name() {
      return flaw == Flaw.NO_NAME ? "" : context.name();
    }

    @Override
    public void reset() {
      register = 0;
      if (flaw != Flaw.RESETS_HALF) {
        fires = 0;
        timer.cancel();
      } else {
        register = 1;
      }
    }

    @Override
    public byte[] save() {
      byte[] state = flaw == Flaw.GIVES_ITS_OWN_ARRAY ? own : new byte[16];
      int value = flaw == Flaw.SHARES_ITS_REGISTER ? shared : register;
      ByteBuffer.wrap(state).putInt(0, value).putInt(4, fires);
      ByteBuffer.wrap(state).putLong(8, crc(state));
      return state;
    }

    private static long crc(byte[] state) {
      CRC32 crc = new CRC32();
      crc.update(state, 0, 8);
      return crc.getValue();
    }

    @Override
    public void restore(byte[] state) {
      boolean sound = state.length == 16 && ByteBuffer.wrap(state).getLong(8) == crc(state);
      if (flaw == Flaw.TAKES_HALF_OF_DAMAGED_STATE && state.length > 4) {
        register = ByteBuffer.wrap(state).getInt(0) & 0xff;
      }
      if (!sound && flaw != Flaw.TAKES_DAMAGED_STATE) {
        throw new IllegalArgumentException("a damaged state");
      }
      byte[] taken = Arrays.copyOf(state, 16);
      register = ByteBuffer.wrap(taken).getInt(0);
      fires = flaw == Flaw.SAVES_HALF ? 255 : ByteBuffer.wrap(taken).getInt(4);
    }

    @Override
    public void close() {
      if (flaw != Flaw.GOES_ON_WHEN_CLOSED) {
        timer.cancel();
      }
    }
  }
}
