package org.redoubt.cpu.interpreter.internal;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.memory.MemoryPort;

/**
 * Decoded pages by what they are known by, and by system-physical page. Bounded: when it is full it
 * is emptied, for that happens seldom and decoding is cheap.
 */
final class CodeCache {
  private final int maxPages;
  private final Map<CodePage.Key, CodePage> byKey = new HashMap<>();
  private final Map<Long, List<CodePage>> bySpa = new HashMap<>();

  CodeCache(int maxPages) {
    this.maxPages = maxPages;
  }

  @Nullable CodePage find(CodePage.Key key) {
    return byKey.get(key);
  }

  CodePage make(CodePage.Key key, MemoryPort port) {
    if (byKey.size() >= maxPages) {
      clear(port);
    }
    CodePage page = new CodePage(key);
    byKey.put(key, page);
    List<CodePage> pages = bySpa.computeIfAbsent(key.spaPage(), k -> new ArrayList<>(2));
    if (pages.isEmpty()) {
      port.watch(key.spaPage());
    }
    pages.add(page);
    return page;
  }

  /** Drops what was decoded from these bytes. */
  void changed(long spa, long bytes) {
    for (long at = spa & -4096L; at < spa + bytes; at += 4096) {
      List<CodePage> pages = bySpa.get(at);
      if (pages != null) {
        int first = (int) Math.max(spa - at, 0);
        int last = (int) Math.min(spa + bytes - at, 4096) - 1;
        for (CodePage page : pages) {
          page.changed(first, last);
        }
      }
    }
  }

  /** Stops watching a page that has no blocks left. */
  void unwatchIfEmpty(long spa, MemoryPort port) {
    List<CodePage> pages = bySpa.get(spa & -4096L);
    if (pages == null) {
      return;
    }
    for (CodePage page : pages) {
      if (!page.isEmpty()) {
        return;
      }
    }
    for (CodePage page : pages) {
      page.drop();
      byKey.remove(page.key);
    }
    bySpa.remove(spa & -4096L);
    port.unwatch(spa);
  }

  void clear(MemoryPort port) {
    for (Map.Entry<Long, List<CodePage>> entry : bySpa.entrySet()) {
      for (CodePage page : entry.getValue()) {
        page.drop();
      }
      port.unwatch(entry.getKey());
    }
    byKey.clear();
    bySpa.clear();
  }
}
