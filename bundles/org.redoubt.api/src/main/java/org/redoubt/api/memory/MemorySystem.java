package org.redoubt.api.memory;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.osgi.annotation.versioning.ProviderType;
import org.redoubt.api.HypervisorException;

/**
 * The memory of one modelled SoC: DRAM, SoC cache, key slots and the engine between them.
 * Thread-safe.
 *
 * <p>DRAM never holds the plaintext of a private page. The cache holds each page under at most one
 * {@link PageTag}; a touch under another tag writes the page back under the old key and reads it
 * under the new one, so the second party really gets ciphertext and a write through the wrong view
 * really garbles 16-byte blocks.
 */
@ProviderType
public interface MemorySystem extends AutoCloseable {
  /** The configuration it was made from. */
  MemoryConfig config();

  /**
   * A view under one tag. Cheap; the same tag gives the same object.
   *
   * @param tag {@link PageTag#SHARED} or an ASID; the ASID need not be active yet
   * @throws IllegalArgumentException if the tag is above {@link MemoryConfig#asids()}
   */
  MemoryView view(int tag);

  /**
   * Attaches a vCPU.
   *
   * @param client its TLB
   * @return a parked port; the caller closes it on the thread that used it last
   */
  MemoryPort attach(MemoryClient client);

  // Key slots

  /**
   * Sets who gives out keys. One at a time; the former one is dropped.
   *
   * @param installer the owner of the keys, or empty for none: activations and changes of engine
   *     are then refused
   */
  void setKeyInstaller(Optional<KeyInstaller> installer);

  /**
   * Gives an ASID a key slot in the engine in use. Its pages can be touched afterwards.
   *
   * @param asid 1 to {@link MemoryConfig#asids()}
   */
  KeyStatus activate(int asid);

  /** The sentence that goes with the last {@link KeyStatus#NO_KEY} of this ASID. */
  Optional<String> refusal(int asid);

  /**
   * Takes an ASID's key slot out of use: its pages can be touched no more. Pages still cached stay
   * there, dirty ones unwritten, until {@link #wbinvd()}; the key goes with {@link #dfFlush()}. No
   * effect on an ASID that is not live.
   *
   * @param asid 1 to {@link MemoryConfig#asids()}
   */
  void deactivate(int asid);

  /**
   * Whether an ASID was deactivated since the last {@link #wbinvd()}, so that its lines may still
   * be cached. The firmware refuses DF_FLUSH as long as it is so.
   */
  default boolean wbinvdRequired() {
    return false;
  }

  /** Whether the ASID's slot is live. */
  boolean isActive(int asid);

  // Flushing

  /** WBINVD on every core: writes all dirty pages back, and empties the cache. */
  void wbinvd();

  /**
   * WBINVD by a guest, which the hypervisor intercepts: when it returns, DRAM holds whatever the
   * guest and the host have written before. Nothing is dropped, because no page is ever cached
   * under two tags, so that nobody can read anything older than DRAM holds; other guests' pages
   * stay as they are. It is not the host's WBINVD that {@link #wbinvdRequired()} asks for. APM Vol.
   * 2, §15.34.9.
   *
   * @param asid the guest's, or {@link PageTag#SHARED} for one that is not encrypted
   */
  default void wbinvd(int asid) {
    flush();
  }

  /**
   * CLFLUSH of every line in a range: writes back and drops the pages that it touches.
   *
   * @param spa first address
   * @param bytes length, positive, within one DRAM range
   * @throws IndexOutOfBoundsException if the range is not DRAM
   */
  void clflush(long spa, long bytes);

  /** Writes all dirty pages back and keeps them resident, clean: what {@code mem:flush} does. */
  void flush();

  /**
   * DF_FLUSH: write buffers of the data fabric reach DRAM, keys of inactive ASIDs are forgotten.
   * APM Vol. 2, §15.34.
   */
  void dfFlush();

  /**
   * Gives up what pages hold, so that the host can have their memory back. Best effort: a page that
   * is in use at the moment keeps both. One that was given up is as if it had never been written:
   * zeros in DRAM, which a guest's key deciphers to noise.
   *
   * @param spa first address, a multiple of 4,096
   * @param bytes length, a multiple of 4,096, within one DRAM range
   * @return bytes that were written once and now take no memory; 0 where DRAM cannot do that, as in
   *     a file, or an engine change is under way
   * @throws IndexOutOfBoundsException if the range is not DRAM
   */
  default long discard(long spa, long bytes) {
    return 0;
  }

  // Engine

  /** Name of the engine that new pages are written by. */
  String engine();

  /**
   * Begins a change of engine; it goes on in the background. How it ends is for the caller to say:
   * the log has only what nobody asked for.
   *
   * @param engineName the engine to come
   * @return the change under way; one to the engine in use is done at once
   * @throws HypervisorException if no engine has that name, another change is under way, an ASID is
   *     live and no {@link KeyInstaller} is set, or it refused a key; nothing has changed then
   */
  EngineChange changeEngine(String engineName) throws HypervisorException;

  /** The change under way, if any. */
  Optional<EngineChange> change();

  /**
   * Why a tag's pages cannot be reached now; empty when they can.
   *
   * @param tag {@link PageTag}
   */
  Optional<String> suspension(int tag);

  // Watching

  MemoryStats stats();

  /**
   * What is known of a page without touching it.
   *
   * @param spa any address within the page
   */
  PageInfo pageInfo(long spa);

  /**
   * Copies what DRAM holds at this moment, as a probe on its pins would: past the SoC cache, under
   * no key, and without touching anything. Bytes of a dirty page are older than its cached copy; a
   * page that is being written back may come half old, half new.
   *
   * @param spa first address
   * @param target receives {@code byteSize()} bytes, within one DRAM range
   * @throws IndexOutOfBoundsException if the range is not DRAM
   */
  default void probe(long spa, MemorySegment target) {
    view(PageTag.SHARED).read(spa, target);
  }

  void addListener(MemoryListener listener);

  void removeListener(MemoryListener listener);

  /**
   * Writes back what is dirty, clears cache and keys, and gives DRAM back. Ports must be closed
   * first.
   */
  @Override
  void close();
}
