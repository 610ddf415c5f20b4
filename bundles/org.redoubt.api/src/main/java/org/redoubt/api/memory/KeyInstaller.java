package org.redoubt.api.memory;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Whoever owns the guests' memory keys: the secure processor's firmware, or a test. The memory
 * system asks it for a key when an ASID is activated and again for each live ASID when the engine
 * changes; it may refuse, and then nothing changes.
 */
@ConsumerType
public interface KeyInstaller {
  /**
   * Writes the key of an ASID for an engine. Called with no lock of the memory system held, from
   * the thread that activates or changes.
   *
   * @param asid the ASID; {@link PageTag#SHARED} for the host's own key, asked for with host
   *     encryption when the installer is set and no host page was written back yet: after a refusal
   *     the key is random
   * @param engineName the engine that will use the key; different engines should get different keys
   * @param key receives the key, all of its bytes; the memory system owns and clears it
   * @return empty when the key was written; else the reason for the refusal, one clear sentence
   */
  Optional<String> install(int asid, String engineName, MemorySegment key);
}
