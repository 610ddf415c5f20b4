package org.redoubt.api.device;

import java.util.function.IntConsumer;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Where interrupt messages go: to the local APICs of all vCPUs. Offered by the local APICs' device;
 * any thread may send.
 */
@ConsumerType
public interface InterruptBus {
  /** Delivery modes, as in an IOAPIC entry, bits 10:8. */
  int FIXED = 0;

  int LOWEST_PRIORITY = 1;
  int SMI = 2;
  int NMI = 4;
  int INIT = 5;
  int STARTUP = 6;
  int EXT_INT = 7;

  /**
   * Sends a message.
   *
   * @param destination APIC id or logical destination; FFh (FFFF_FFFFh in x2APIC) is everybody
   * @param logical whether the destination is logical
   * @param deliveryMode one of the constants here
   * @param vector the vector
   * @param level whether level-triggered: an EOI is broadcast when it is done
   */
  void send(int destination, boolean logical, int deliveryMode, int vector, boolean level);

  /**
   * Asks to be told of each end of a level-triggered interrupt, as I/O APICs must.
   *
   * @param listener gets the vector, on the thread of the EOI, which may be a vCPU's without the
   *     device lock; it may send, and must not block
   */
  void onEndOfInterrupt(IntConsumer listener);
}
