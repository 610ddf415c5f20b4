package org.redoubt.api.device;

import java.util.List;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * A PCI function. The bus has its configuration header, its BARs and its MSI-X capability and
 * table; the function has what lies behind the BARs. Called under the device lock; no exception
 * leaves it, whatever the guest does.
 */
@ConsumerType
public interface PciFunction {
  /**
   * Who it is: configuration header, offsets 00h, 08h and 2Ch.
   *
   * @param vendor vendor id
   * @param device device id
   * @param revision revision id
   * @param classCode bits 23:16 base class, 15:8 subclass, 7:0 interface
   * @param subsystemVendor subsystem vendor id
   * @param subsystem subsystem id
   */
  record Identity(
      int vendor, int device, int revision, int classCode, int subsystemVendor, int subsystem) {}

  Identity identity();

  /**
   * Sizes of its memory BARs from BAR 0 on, in bytes, each a power of two from 4,096 on; at most
   * five, since the bus puts the MSI-X table into the next one.
   */
  List<Integer> bars();

  /** Number of MSI-X vectors, 1 to 128; 0 for none. */
  int vectors();

  /** Its own capabilities, in the order in which the guest finds them, after the bus' own. */
  List<PciCapability> capabilities();

  /**
   * A load from a BAR.
   *
   * @param bar which one
   * @param offset from its start
   * @param bytes width: 1, 2, 4 or 8
   * @return the value, zero-extended; all ones for what is not there
   */
  long read(int bar, long offset, int bytes);

  /**
   * A store to a BAR.
   *
   * @param bar which one
   * @param offset from its start
   * @param bytes width: 1, 2, 4 or 8
   * @param value the value, zero-extended
   */
  void write(int bar, long offset, int bytes, long value);
}
