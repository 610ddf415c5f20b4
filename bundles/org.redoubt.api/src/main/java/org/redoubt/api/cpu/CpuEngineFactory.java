package org.redoubt.api.cpu;

import org.osgi.annotation.versioning.ConsumerType;
import org.redoubt.api.HypervisorException;

/** Makes CPU engines: an OSGi service with the property {@link #CPU_ENGINE_NAME}. */
@ConsumerType
public interface CpuEngineFactory {
  /** Service property, a string: the stable name, such as {@code interpreter}. */
  String CPU_ENGINE_NAME = "redoubt.cpu.name";

  /** The CPU models that engines of this factory can be, by QEMU's names, the default first. */
  java.util.List<String> models();

  /** What a model is, in a line; empty if there is nothing to say. */
  default String about(String model) {
    return "";
  }

  /**
   * Makes the engine of one vCPU, in the state after RESET: number 0 begins at the reset vector,
   * the others wait for SIPI.
   *
   * @param config what it is connected to
   * @throws HypervisorException if the model is unknown (names those that exist)
   */
  CpuEngine create(CpuConfig config) throws HypervisorException;
}
