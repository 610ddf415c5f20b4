package org.redoubt.api.memory;

import java.util.List;

/**
 * Counters of a memory system at one moment. Pages are of 4,096 bytes; counts are since creation.
 *
 * @param capacityPages pages that the SoC cache can hold
 * @param residentPages pages in it now
 * @param dirtyPages resident pages not yet written back
 * @param privatePages pages of DRAM last written under a guest's key
 * @param fills pages brought in
 * @param evictions pages put out
 * @param writeBacks pages written to DRAM, evictions of dirty pages included
 * @param tagSwitches touches of a page under another tag than its resident one
 * @param safepointWaits times an eviction had to wait for a running vCPU
 * @param engines what each engine has done
 */
public record MemoryStats(
    long capacityPages,
    long residentPages,
    long dirtyPages,
    long privatePages,
    long fills,
    long evictions,
    long writeBacks,
    long tagSwitches,
    long safepointWaits,
    List<EngineStats> engines) {
  /** Copies the list. */
  public MemoryStats {
    engines = List.copyOf(engines);
  }

  /**
   * One engine's part.
   *
   * @param name the engine
   * @param current whether new pages are written by it
   * @param pages pages whose ciphertext in DRAM is its own now ("pages carried")
   * @param encryptedBytes bytes encrypted
   * @param decryptedBytes bytes decrypted
   * @param cipherNs time spent in both, in nanoseconds
   */
  public record EngineStats(
      String name,
      boolean current,
      long pages,
      long encryptedBytes,
      long decryptedBytes,
      long cipherNs) {}
}
