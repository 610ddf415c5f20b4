package org.redoubt.api.memory;

import java.nio.file.Path;
import java.util.Optional;

/**
 * What a memory system is made of. Immutable; {@code with} methods give changed copies.
 *
 * @param name how the shell and messages call it; unique among the systems of one factory
 * @param addressMap where DRAM is
 * @param dramFile the file that backs DRAM, made or extended as needed unless it is shorter and not
 *     empty; else anonymous memory
 * @param socCacheBytes capacity of the SoC cache, a multiple of 4,096 and at least {@link
 *     #MIN_CACHE_PAGES} pages
 * @param engine the engine by name; empty: the highest-ranked one, followed as ranks change
 * @param hostEncryption whether shared and host pages lie in DRAM under the host's key (SME, TSME)
 * @param asids highest ASID with a key slot (CPUID 8000_001F ECX)
 */
public record MemoryConfig(
    String name,
    AddressMap addressMap,
    Optional<Path> dramFile,
    long socCacheBytes,
    Optional<String> engine,
    boolean hostEncryption,
    int asids) {
  /** The smallest legal cache, in pages. */
  public static final int MIN_CACHE_PAGES = 8;

  /** The default capacity of the SoC cache: 256 MiB, as a server's last-level cache. */
  public static final long DEFAULT_CACHE_BYTES = 256L << 20;

  /** The default number of ASIDs: what an EPYC of the second generation has. */
  public static final int DEFAULT_ASIDS = 509;

  /** Refuses a cache below 8 pages or not in whole pages, and fewer than one ASID. */
  public MemoryConfig {
    if (socCacheBytes < (long) MIN_CACHE_PAGES * AddressMap.PAGE_BYTES
        || socCacheBytes % AddressMap.PAGE_BYTES != 0) {
      throw new IllegalArgumentException(
          "SoC cache of %d bytes: it takes a multiple of 4096, at least 32768 (8 pages)"
              .formatted(socCacheBytes));
    }
    if (asids < 1 || asids > 0xFFFF) {
      throw new IllegalArgumentException("%d ASIDs: it takes 1 to 65535".formatted(asids));
    }
  }

  /** Anonymous flat DRAM of that many bytes, all else by default. */
  public static MemoryConfig of(String name, long dramBytes) {
    return new MemoryConfig(
        name,
        AddressMap.flat(dramBytes),
        Optional.empty(),
        DEFAULT_CACHE_BYTES,
        Optional.empty(),
        false,
        DEFAULT_ASIDS);
  }

  /** A copy with DRAM in that file. */
  public MemoryConfig withDramFile(Path file) {
    return new MemoryConfig(
        name, addressMap, Optional.of(file), socCacheBytes, engine, hostEncryption, asids);
  }

  /** A copy with that cache capacity in bytes. */
  public MemoryConfig withSocCacheBytes(long bytes) {
    return new MemoryConfig(name, addressMap, dramFile, bytes, engine, hostEncryption, asids);
  }

  /** A copy that asks for that engine by name. */
  public MemoryConfig withEngine(String engineName) {
    return new MemoryConfig(
        name, addressMap, dramFile, socCacheBytes, Optional.of(engineName), hostEncryption, asids);
  }

  /** A copy with host encryption on or off. */
  public MemoryConfig withHostEncryption(boolean on) {
    return new MemoryConfig(name, addressMap, dramFile, socCacheBytes, engine, on, asids);
  }
}
