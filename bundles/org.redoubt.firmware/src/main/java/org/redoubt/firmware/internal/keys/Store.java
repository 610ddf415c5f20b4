package org.redoubt.firmware.internal.keys;

import java.io.IOException;
import java.util.Optional;

/** Where the sealed platform state is kept while the power is off. */
public interface Store {
  /** What is there, as it was written; empty: nothing yet. */
  Optional<byte[]> read() throws IOException;

  /** Replaces what is there. */
  void write(byte[] sealed) throws IOException;

  /**
   * Whether what was written is sure to be there after a cut, once {@link #write} has returned; the
   * host's memory is not: the host may or may not get to write it to its disk.
   */
  boolean durable();
}
