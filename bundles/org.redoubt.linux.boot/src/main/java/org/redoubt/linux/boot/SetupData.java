package org.redoubt.linux.boot;

import java.util.Arrays;
import java.util.Objects;

/**
 * A node of the list that hands the kernel more than boot_params can hold. Linux,
 * Documentation/arch/x86/boot, field setup_data. The kernel shows each node's payload to user space
 * as {@code /sys/kernel/boot_params/setup_data/N/data}.
 *
 * <pre>
 *   00h  NEXT   8   guest-physical address of the next node, 0 at the end
 *   08h  TYPE   4
 *   0Ch  LEN    4   bytes of payload
 *   10h  DATA
 * </pre>
 *
 * @param type the node's type; the kernel ignores those it does not know
 * @param payload what it carries; copied in and out
 */
public record SetupData(int type, byte[] payload) {
  /**
   * Our own type, "RDBT": a blank payload that LAUNCH_SECRET fills. Far from the kernel's, bit 31
   * clear.
   */
  public static final int TYPE_SECRET = 0x5242_4454;

  /** Bytes before the payload; a multiple of 16, as LAUNCH_SECRET wants its address. */
  public static final int HEADER_BYTES = 0x10;

  public SetupData {
    payload = payload.clone();
  }

  /** A secret's node: zeros to be filled by the firmware. */
  static SetupData secret(int bytes) {
    return new SetupData(TYPE_SECRET, new byte[bytes]);
  }

  @Override
  public byte[] payload() {
    return payload.clone();
  }

  Bytes node(long next) {
    Bytes node =
        new Bytes(HEADER_BYTES + payload.length).u64(0, next).u32(8, type).u32(0xC, payload.length);
    for (int i = 0; i < payload.length; i++) {
      node.u8(HEADER_BYTES + i, payload[i]);
    }
    return node;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof SetupData that
        && type == that.type
        && Arrays.equals(payload, that.payload);
  }

  @Override
  public int hashCode() {
    return Objects.hash(type, Arrays.hashCode(payload));
  }
}
