package org.redoubt.hypervisor.internal;

import java.lang.foreign.MemorySegment;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.PageTag;
import org.redoubt.spec.sev.GuestPolicy;

/**
 * A guest's RAM as the guest has it, for people who debug: page by page under the tag that the page
 * was last used with, the private ones only with the leave of the guest's policy.
 */
final class GuestReader {
  private static final int PAGE = 4096;

  private final Host.Lease lease;
  private final MemorySystem memory;

  GuestReader(Host.Lease lease) {
    this.lease = lease;
    this.memory = lease.memory();
  }

  /**
   * Copies a run of the guest's RAM.
   *
   * @param lab whether to ignore the guest's policy
   * @return whether the policy was ignored: it would have refused
   * @throws HypervisorException if the policy refuses; nothing was copied
   */
  boolean read(long spa, MemorySegment target, boolean lab) throws HypervisorException {
    long bytes = target.byteSize();
    boolean ignored = false;
    if (anyPrivate(spa, bytes)) {
      GuestPolicy policy = lease.policy();
      ignored = policy.noDebug();
      if (ignored && !lab) {
        throw new HypervisorException(
            "The policy of this guest forbids debugging (%xh, NODBG): its private memory is not shown"
                .formatted(policy.bits()));
      }
    }
    for (long done = 0; done < bytes; ) {
      long run = Math.min(PAGE - ((spa + done) & (PAGE - 1)), bytes - done);
      memory.view(tag(spa + done)).read(spa + done, target.asSlice(done, run));
      done += run;
    }
    return ignored;
  }

  private int tag(long spa) {
    return memory.pageInfo(spa).tag() == PageTag.SHARED ? PageTag.SHARED : lease.asid();
  }

  private boolean anyPrivate(long spa, long bytes) {
    for (long page = spa & -PAGE; page < spa + bytes; page += PAGE) {
      if (tag(page) != PageTag.SHARED) {
        return true;
      }
    }
    return false;
  }
}
