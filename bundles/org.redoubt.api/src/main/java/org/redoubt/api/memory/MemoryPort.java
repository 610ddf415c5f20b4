package org.redoubt.api.memory;

import org.osgi.annotation.versioning.ProviderType;

/**
 * A vCPU's attachment to the memory system: the fast path, by host addresses of resident pages, and
 * the vCPU's half of the eviction protocol.
 *
 * <p>A port is <i>running</i> or <i>parked</i> and starts parked. Only a running port's thread may
 * use host addresses. A page whose address was given out leaves the cache only after the client's
 * TLB has forgotten it, which happens while the port is parked or inside one of the port's own
 * methods. So: <b>a host address is good only until the next call of any method of this port</b>,
 * unless the TLB still holds it afterwards. Read-modify-write and {@code rep} runs use an address
 * between two calls and are never interrupted half-way.
 *
 * <p>All methods are called by the one thread that runs the vCPU, {@link #close} too.
 */
@ProviderType
public interface MemoryPort extends AutoCloseable {
  /**
   * Set in the result of {@link #page}: the page is watched; write through it only with {@link
   * #written} after.
   */
  long WATCHED = 1;

  /** Result of {@link #page}: the address is not DRAM. */
  long NOT_DRAM = -1;

  /**
   * Result of {@link #page}: the guest is suspended; stop running, and try again when the system
   * has resumed.
   */
  long SUSPENDED = -2;

  /** Result of {@link #page}: the tag's ASID has no key slot. */
  long NO_KEY = -3;

  /** Parked to running; waits while an eviction is under way. */
  void enter();

  /** Running to parked. The TLB may be emptied from now on by other threads. */
  void leave();

  /**
   * Lets those who wait for this port proceed. Call it when the client's stop flag is seen; cheap
   * if nobody waits.
   */
  void safepoint();

  /**
   * Makes a page resident under a tag, evicting others if it must (this port's own addresses
   * included), and returns its host address for the TLB.
   *
   * @param spa any address within the page
   * @param tag {@link PageTag}
   * @param write whether it will be written: the page is then dirty until its next write-back
   * @return host address of the page's first byte, a multiple of 4,096, possibly with {@link
   *     #WATCHED} set; or a negative result
   */
  long page(long spa, int tag, boolean write);

  /**
   * Reads 8 aligned bytes, for page-table walks; no host address leaves the memory system.
   *
   * @param spa address in DRAM, a multiple of 8
   * @param tag {@link PageTag}
   * @return the value; meaningless if {@link #lastStatus()} is not 0
   */
  long readLong(long spa, int tag);

  /**
   * Atomically replaces 8 aligned bytes if they hold {@code expected}, for accessed and dirty bits.
   *
   * @return what was there; meaningless if {@link #lastStatus()} is not 0
   */
  long compareAndExchangeLong(long spa, int tag, long expected, long value);

  /**
   * Status of the last {@link #readLong} or {@link #compareAndExchangeLong}: 0, or a negative
   * result as of {@link #page}.
   */
  long lastStatus();

  /**
   * Watches a page that code was decoded from: from now on writers of any kind are told apart, and
   * all clients hear of changes through {@link MemoryClient#contentsChanged}. Addresses given out
   * for writing earlier are revoked from every client.
   *
   * @param spa any address within the page
   */
  void watch(long spa);

  /**
   * Ends {@link #watch}.
   *
   * @param spa any address within the page
   */
  void unwatch(long spa);

  /**
   * Tells that this port's thread has just written to a watched page. Every client, this one
   * included, gets {@link MemoryClient#contentsChanged} before its thread runs on.
   *
   * @param spa first changed address
   * @param bytes how many, within one page
   */
  void written(long spa, long bytes);

  /**
   * Runs a short action while no other port of this memory system runs: for what no host
   * instruction does atomically. The port is running before and after. On the way in, addresses may
   * have been revoked, so the action looks at the TLB; it calls no method of this port.
   *
   * <p>A memory system whose ports can run at the same time overrides this.
   *
   * @return what the action returns
   */
  default int alone(java.util.function.IntSupplier action) {
    return action.getAsInt();
  }

  /** Detaches: parked or running, the TLB is emptied first. */
  @Override
  void close();
}
