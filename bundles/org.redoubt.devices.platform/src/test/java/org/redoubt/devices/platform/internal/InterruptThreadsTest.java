package org.redoubt.devices.platform.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.redoubt.api.device.LocalApic;
import org.redoubt.api.device.VcpuSignal;

/**
 * The interrupt controllers between threads: vCPUs do not hold the device lock, whose holder drives
 * the lines.
 */
class InterruptThreadsTest {
  private static final int VCPUS = 4;
  private static final int EDGES = 3_000;

  /** A vCPU that only takes interrupts: sleeps until it is signalled. */
  private static final class Taker implements VcpuSignal {
    private final LocalApic apic;
    private boolean signalled;
    final int[] taken = new int[256];

    Taker(LocalApic apic) {
      this.apic = apic;
      apic.connect(this);
      apic.mmioWrite(0xF0, 4, 0x1FF);
    }

    @Override
    public synchronized void interrupt() {
      signalled = true;
      notifyAll();
    }

    @Override
    public void init() {}

    @Override
    public void startup(int vector) {}

    void run(AtomicBoolean stop) {
      while (!stop.get()) {
        synchronized (this) {
          try {
            while (!signalled && !stop.get()) {
              wait(20);
            }
          } catch (InterruptedException e) {
            return;
          }
          signalled = false;
        }
        while (apic.pending()) {
          int vector = apic.acknowledge();
          if (vector >= 0) {
            taken[vector]++;
            apic.mmioWrite(0xB0, 4, 0);
            Thread.yield(); // the line stays up until its source runs again
          }
        }
      }
    }
  }

  /**
   * Neither a deadlock nor a lost level interrupt: the source lowers its line only once it has been
   * served.
   */
  @Test
  void shouldNeitherDeadlockNorLoseAnInterrupt() throws InterruptedException {
    FakeMachine machine = new FakeMachine();
    machine.vcpus = VCPUS;
    Pic8259 pic = machine.plug(Pic8259::new, Pic8259.class);
    ApicBus bus = machine.plug(ApicBus::new, ApicBus.class);
    IoApic ioApic = machine.plug(IoApic::new, IoApic.class);
    AtomicBoolean stop = new AtomicBoolean();
    List<Taker> takers = new ArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < VCPUS; i++) {
      Taker taker = new Taker(bus.of(i));
      takers.add(taker);
      threads.add(Thread.ofPlatform().daemon(true).start(() -> taker.run(stop)));
    }
    // Pin 5: level, vector 55h, to processor 1. Pin 6: edge, vector 66h, to processor 2.
    for (long[] entry : new long[][] {{5, 1L << 56 | 0x8055}, {6, 2L << 56 | 0x66}}) {
      ioApic.write(0, 4, 0x11 + 2 * entry[0]);
      ioApic.write(0x10, 4, entry[1] >>> 32);
      ioApic.write(0, 4, 0x10 + 2 * entry[0]);
      ioApic.write(0x10, 4, entry[1] & 0xFFFF_FFFFL);
    }
    AtomicInteger served = new AtomicInteger();
    bus.onEndOfInterrupt(vector -> served.incrementAndGet());
    Thread device =
        Thread.ofPlatform()
            .daemon(true)
            .start(() -> {
              for (int i = 0; i < EDGES; i++) {
                pic.line(i % 16, (i & 1) != 0);
                ioApic.line(6, (i & 1) != 0);
                int before = served.get();
                ioApic.line(5, true);
                while (served.get() == before && !stop.get()) {
                  Thread.yield();
                }
                ioApic.line(5, false);
              }
            });
    device.join(TimeUnit.SECONDS.toMillis(300));
    assertTrue(!device.isAlive(), "stuck: %d of %d served".formatted(served.get(), EDGES));
    stop.set(true);
    for (Thread thread : threads) {
      thread.join(TimeUnit.SECONDS.toMillis(60));
      assertTrue(!thread.isAlive(), "a vCPU is stuck");
    }
    assertTrue(takers.get(1).taken[0x55] >= EDGES, takers.get(1).taken[0x55] + " of " + EDGES);
    assertTrue(takers.get(2).taken[0x66] > 0);
    assertEquals(0, takers.get(3).taken[0x55]);
  }
}
