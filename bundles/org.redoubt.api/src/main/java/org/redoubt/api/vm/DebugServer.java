package org.redoubt.api.vm;

import org.osgi.annotation.versioning.ConsumerType;
import org.redoubt.api.HypervisorException;

/**
 * Offers VMs to debuggers elsewhere, by a protocol of theirs: an OSGi service with the property
 * {@link #DEBUG_SERVER_NAME}.
 */
@ConsumerType
public interface DebugServer {
  /** Service property, a string: the stable name, such as {@code gdb}. */
  String DEBUG_SERVER_NAME = "redoubt.debugserver.name";

  /**
   * Listens on the host's loopback, until the result is closed or the VM has ended.
   *
   * @param vm the VM; the guest's policy is asked at once, and again when a debugger comes
   * @param port TCP port, 0 for one that is free
   * @param wait whether the VM stands still, from now on, until a debugger lets it run
   * @param lab ignores the guest's policy, see {@link Vm#debug}
   * @throws HypervisorException if the port is taken, or {@link Vm#debug} refuses
   */
  Listening listen(Vm vm, int port, boolean wait, boolean lab) throws HypervisorException;

  /** A server that listens for debuggers of one VM. */
  interface Listening extends AutoCloseable {
    /** The TCP port. */
    int port();

    /** Tells a debugger that is there of the VM's end, if it has ended; then lets go. */
    @Override
    void close();
  }
}
