package org.redoubt.hypervisor.internal;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.PageTag;

/**
 * A guest's RAM as the guest has it, for people who debug: page by page under the tag that the page
 * was last used with, the private ones through the firmware, which asks the guest's policy. What is
 * written goes the same way.
 */
final class GuestReader {
  private static final int PAGE = Psp.DEBUG_BYTES;

  /** The firmware's unit. */
  static final int BLOCK = 16;

  private final Host.Lease lease;
  private final MemorySystem memory;

  GuestReader(Host.Lease lease) {
    this.lease = lease;
    this.memory = lease.memory();
  }

  /**
   * Copies a run of the guest's RAM.
   *
   * @param lab whether to do without the firmware
   * @return whether the guest's policy was ignored: it would have refused
   * @throws HypervisorException if the firmware refuses; nothing was copied
   */
  boolean read(long spa, MemorySegment target, boolean lab) throws HypervisorException {
    byte[] copy = new byte[Math.toIntExact(target.byteSize())];
    boolean ignored = false;
    try {
      for (int done = 0; done < copy.length; ) {
        long at = spa + done;
        int run = (int) Math.min(PAGE - (at & (PAGE - 1)), copy.length - done);
        if (memory.pageInfo(at).tag() == PageTag.SHARED) {
          memory.view(PageTag.SHARED).read(at, MemorySegment.ofArray(copy).asSlice(done, run));
        } else if (lab) {
          ignored |= lease.policy().noDebug();
          memory.view(lease.asid()).read(at, MemorySegment.ofArray(copy).asSlice(done, run));
        } else {
          int before = (int) (at & (BLOCK - 1));
          byte[] plain = lease.debugDecrypt(at - before, before + run + BLOCK - 1 & -BLOCK);
          System.arraycopy(plain, before, copy, done, run);
          Arrays.fill(plain, (byte) 0);
        }
        done += run;
      }
      target.copyFrom(MemorySegment.ofArray(copy));
    } finally {
      Arrays.fill(copy, (byte) 0);
    }
    return ignored;
  }

  /**
   * Writes a run of the guest's RAM, page by page: what lies before a page that the firmware
   * refuses has been written.
   *
   * @param lab whether to do without the firmware
   * @return whether the guest's policy was ignored: it would have refused
   * @throws HypervisorException if the firmware refuses
   */
  boolean write(long spa, byte[] source, boolean lab) throws HypervisorException {
    boolean ignored = false;
    for (int done = 0; done < source.length; ) {
      long at = spa + done;
      int run = (int) Math.min(PAGE - (at & (PAGE - 1)), source.length - done);
      MemorySegment bytes = MemorySegment.ofArray(source).asSlice(done, run);
      if (memory.pageInfo(at).tag() == PageTag.SHARED) {
        memory.view(PageTag.SHARED).write(at, bytes);
      } else if (lab) {
        ignored |= lease.policy().noDebug();
        memory.view(lease.asid()).write(at, bytes);
      } else {
        int before = (int) (at & (BLOCK - 1));
        byte[] blocks = lease.debugDecrypt(at - before, before + run + BLOCK - 1 & -BLOCK);
        System.arraycopy(source, done, blocks, before, run);
        lease.debugEncrypt(at - before, blocks);
        Arrays.fill(blocks, (byte) 0);
      }
      done += run;
    }
    return ignored;
  }
}
