package org.redoubt.api.memory;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * A vCPU as the memory system sees it: somebody who keeps host addresses of resident pages in a
 * TLB.
 *
 * <p>{@link #revoke}, {@link #revokeAll} and {@link #contentsChanged} are called while the client
 * is not running: either on its own thread inside a {@link MemoryPort} call, or on another thread
 * while the port is parked. They must be short, and must not call the memory system.
 */
@ConsumerType
public interface MemoryClient {
  /**
   * Asks a running client to come to {@link MemoryPort#safepoint()} soon: sets its stop flag.
   * Called by any thread; returns at once.
   */
  void requestSafepoint();

  /**
   * Forgets all TLB entries that point into these pages.
   *
   * @param hostPages host addresses of pages, as {@link MemoryPort#page} gave them; valid during
   *     the call only
   * @param count how many of them count
   */
  void revoke(long[] hostPages, int count);

  /** Forgets every host address. */
  void revokeAll();

  /**
   * A watched page's bytes were changed by somebody: forget what was decoded from it. The page
   * stays watched.
   *
   * @param spa first changed address
   * @param bytes how many
   */
  void contentsChanged(long spa, long bytes);
}
