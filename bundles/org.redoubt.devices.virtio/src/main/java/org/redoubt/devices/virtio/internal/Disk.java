package org.redoubt.devices.virtio.internal;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** What a block device keeps its sectors in. Called by one thread at a time; may block. */
interface Disk extends AutoCloseable {
  int SECTOR_BYTES = 512;

  /** Size when it was opened, in sectors. */
  long sectors();

  boolean readOnly();

  /**
   * Fills a segment.
   *
   * @throws IOException if that fails, or the file ends before
   */
  void read(long offset, MemorySegment target) throws IOException;

  /** Writes all of a segment. */
  void write(long offset, MemorySegment source) throws IOException;

  /** Makes what was written last. */
  void flush() throws IOException;

  @Override
  void close();
}
