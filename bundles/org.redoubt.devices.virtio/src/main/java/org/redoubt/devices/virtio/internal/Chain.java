package org.redoubt.devices.virtio.internal;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.redoubt.api.device.Dma;

/**
 * One request of the guest's: parts of its memory that the device reads, then parts that it writes.
 * Made of descriptors that were read once, so that nothing here changes any more; what they point
 * to is still the guest's. Virtio 1.2, section 2.7.4.
 */
final class Chain {
  /**
   * A run of guest memory.
   *
   * @param gpa where it begins
   * @param bytes length, up to 4 GiB
   */
  private record Part(long gpa, long bytes) {}

  private final Dma dma;
  private final int head;
  private final List<Part> readable = new ArrayList<>();
  private final List<Part> writable = new ArrayList<>();
  private long readableBytes;
  private long writableBytes;

  Chain(Dma dma, int head) {
    this.dma = dma;
    this.head = head;
  }

  /** Adds a part; says whether its kind may still come: readable ones come before writable ones. */
  boolean add(long gpa, long bytes, boolean write) {
    if (write) {
      writable.add(new Part(gpa, bytes));
      writableBytes += bytes;
      return true;
    }
    readable.add(new Part(gpa, bytes));
    readableBytes += bytes;
    return writable.isEmpty();
  }

  /** Index of its first descriptor. */
  int head() {
    return head;
  }

  /** Bytes for the device to read. */
  long readableBytes() {
    return readableBytes;
  }

  /** Bytes for the device to write. */
  long writableBytes() {
    return writableBytes;
  }

  /**
   * Copies from the readable parts.
   *
   * @param from how many readable bytes to skip
   * @return false if there are not as many, or a part is not RAM; some may have been copied then
   */
  boolean read(long from, MemorySegment target) {
    return transfer(readable, from, target, false);
  }

  /**
   * Copies to the writable parts.
   *
   * @param from how many writable bytes to skip
   * @return false if there are not as many, or a part is not RAM; some may have been copied then
   */
  boolean write(long from, MemorySegment source) {
    return transfer(writable, from, source, true);
  }

  /**
   * Gives up what the writable parts hold.
   *
   * @param most bytes to look at; what goes beyond keeps what it holds
   */
  void discard(long most) {
    long left = most;
    for (Part part : writable) {
      if (part.bytes > left) {
        return;
      }
      dma.discard(part.gpa, part.bytes);
      left -= part.bytes;
    }
  }

  private boolean transfer(List<Part> parts, long from, MemorySegment bytes, boolean write) {
    long skip = from;
    long done = 0;
    for (Part part : parts) {
      if (skip >= part.bytes) {
        skip -= part.bytes;
        continue;
      }
      long count = Math.min(part.bytes - skip, bytes.byteSize() - done);
      MemorySegment slice = bytes.asSlice(done, count);
      long gpa = part.gpa + skip;
      if (count > 0 && !(write ? dma.write(gpa, slice) : dma.read(gpa, slice))) {
        return false;
      }
      skip = 0;
      done += count;
      if (done == bytes.byteSize()) {
        return true;
      }
    }
    return done == bytes.byteSize();
  }
}
