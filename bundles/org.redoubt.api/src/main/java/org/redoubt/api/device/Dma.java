package org.redoubt.api.device;

import java.lang.foreign.MemorySegment;
import org.osgi.annotation.versioning.ProviderType;

/**
 * A device's way into guest memory, by guest-physical address. It sees shared pages only: a
 * transfer aimed at a private page moves ciphertext, and is counted under the device's name. Called
 * under the device lock; the addresses come from the guest and are hostile.
 */
@ProviderType
public interface Dma {
  /**
   * Memory to device.
   *
   * @return false if a byte of the range is not RAM; nothing was copied then
   */
  boolean read(long gpa, MemorySegment target);

  /**
   * Device to memory.
   *
   * @return false if a byte of the range is not RAM; nothing was copied then
   */
  boolean write(long gpa, MemorySegment source);

  /**
   * Gives up what the whole pages within a range hold, which the guest has said it does not need,
   * so that the host can have their memory back. Afterwards they may hold what they did or anything
   * else. No effect if a byte of the range is not RAM.
   */
  default void discard(long gpa, long bytes) {}
}
