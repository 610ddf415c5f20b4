package org.redoubt.api.cpu;

import org.osgi.annotation.versioning.ConsumerType;

/** Makes MMUs: an OSGi service with the property {@link #MMU_NAME}. */
@ConsumerType
public interface MmuFactory {
  /** Service property, a string: the stable name. */
  String MMU_NAME = "redoubt.mmu.name";

  /**
   * Makes the MMU of one vCPU.
   *
   * @param config what it works on
   */
  Mmu create(MmuConfig config);
}
