package org.redoubt.api.vm;

import java.io.OutputStream;
import org.osgi.annotation.versioning.ProviderType;

/**
 * A VM's serial console. Output since the start is kept, up to a bound, for those who attach later.
 */
@ProviderType
public interface Console {
  /**
   * Attaches a reader: it gets what was kept, then all output as it comes. One that throws is
   * detached.
   *
   * @return closes to detach
   */
  AutoCloseable attach(OutputStream output);

  /** Types into the console; waits for room. */
  void type(byte[] input) throws InterruptedException;
}
