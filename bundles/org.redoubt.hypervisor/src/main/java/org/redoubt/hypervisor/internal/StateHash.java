package org.redoubt.hypervisor.internal;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.List;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.device.Device;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.PageTag;

/** SHA-256 over all that a guest can see: registers, RAM as the guest has it, devices. */
final class StateHash {
  private static final int PAGE = 4096;
  private static final byte[] ZEROS = new byte[PAGE];

  private final MessageDigest digest = Recording.sha256();

  void registers(CpuState state) {
    text(state.toString());
    text(state.msr.toString());
    text(
        "%x %b %b %b".formatted(state.xcr0, state.halted, state.interruptShadow, state.nmiBlocked));
    digest.update(state.xsave);
  }

  /**
   * Page by page, under the tag that each was written under. Pages of zeros count as never touched.
   *
   * @param privateToo whether pages under the guest's key are looked at
   */
  void memory(MemorySystem memory, GuestMemory guest, boolean privateToo) {
    byte[] page = new byte[PAGE];
    for (GuestMemory.Range range : guest.ranges) {
      for (long done = 0; done < range.bytes(); done += PAGE) {
        long spa = range.spa() + done;
        int tag = memory.pageInfo(spa).tag();
        if (!memory.pageInfo(spa).touched() || tag != PageTag.SHARED && !privateToo) {
          continue;
        }
        memory.view(tag).read(spa, MemorySegment.ofArray(page));
        if (!Arrays.equals(page, ZEROS)) {
          number(range.gpa() + done);
          digest.update(page);
        }
      }
    }
    Arrays.fill(page, (byte) 0);
  }

  void devices(List<Device> devices) {
    for (Device device : devices) {
      text(device.name());
      digest.update(device.save());
    }
  }

  private void text(String text) {
    digest.update(text.getBytes(StandardCharsets.UTF_8));
  }

  private void number(long value) {
    digest.update(ByteBuffer.allocate(8).putLong(value).array());
  }

  byte[] value() {
    return digest.digest();
  }
}
