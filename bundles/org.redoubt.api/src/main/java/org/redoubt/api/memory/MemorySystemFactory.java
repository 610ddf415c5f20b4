package org.redoubt.api.memory;

import java.util.List;
import org.osgi.annotation.versioning.ConsumerType;
import org.redoubt.api.HypervisorException;

/** Makes memory systems: an OSGi service, called from any thread. */
@ConsumerType
public interface MemorySystemFactory {
  /** Service property, a string: the stable name of this kind of memory system. */
  String MEMORY_NAME = "redoubt.memory.name";

  /**
   * Makes a memory system. Nothing is left behind when it fails.
   *
   * @param config what it is made of
   * @return the system, owned by the caller, who closes it
   * @throws HypervisorException if the name is taken, the DRAM file is too short, read-only or the
   *     disk full, memory is short, or no engine of that name is there
   */
  MemorySystem create(MemoryConfig config) throws HypervisorException;

  /** The systems made and not yet closed, oldest first. */
  List<MemorySystem> systems();
}
