package org.redoubt.shell.internal.memory;

import java.util.Map;

/**
 * A {@link PageMap} in letters, at most 80 columns wide: each stands for a run of pages. Letters
 * tell all; colours, where there are any, repeat it.
 */
final class PageMapText {
  private static final int PER_LINE = 64;
  private static final int LINES = 24;
  private static final String RESET = "\033[0m";
  private static final Map<PageMap.Kind, String> COLOURS =
      Map.of(
          PageMap.Kind.PRIVATE_CACHED, "\033[1;32m",
          PageMap.Kind.PRIVATE, "\033[32m",
          PageMap.Kind.SHARED_CACHED, "\033[1;31m",
          PageMap.Kind.SHARED, "\033[31m",
          PageMap.Kind.UNTOUCHED, "\033[2m");

  private final PageMap map;
  private final boolean colours;
  private final int pagesPerCell;

  PageMapText(PageMap map, boolean colours) {
    this.map = map;
    this.colours = colours;
    int least = Math.max(1, -Math.floorDiv(-map.pages(), PER_LINE * LINES));
    pagesPerCell = least == 1 ? 1 : Integer.highestOneBit(least - 1) << 1;
  }

  /** Pages that a letter stands for. */
  int pagesPerCell() {
    return pagesPerCell;
  }

  /** Whose the pages are: the commonest kind among the touched ones of each cell. */
  String kinds() {
    return draw((first, end) -> {
      int[] counts = new int[PageMap.Kind.values().length];
      for (int page = first; page < end; page++) {
        counts[map.kind(page).ordinal()]++;
      }
      PageMap.Kind best = PageMap.Kind.UNTOUCHED;
      int most = 0;
      for (PageMap.Kind kind : PageMap.Kind.values()) {
        if (kind != PageMap.Kind.UNTOUCHED && counts[kind.ordinal()] > most) {
          best = kind;
          most = counts[kind.ordinal()];
        }
      }
      return new Cell(best.letter, best);
    });
  }

  /** Mean entropy of the touched pages of each cell, rounded down: 0 to 7 bits a byte. */
  String entropies() {
    return draw((first, end) -> {
      double sum = 0;
      int count = 0;
      PageMap.Kind kind = PageMap.Kind.UNTOUCHED;
      for (int page = first; page < end; page++) {
        if (map.kind(page) != PageMap.Kind.UNTOUCHED) {
          sum += map.entropy(page);
          count++;
          kind = map.kind(page);
        }
      }
      return new Cell(count == 0 ? '.' : (char) ('0' + (int) (sum / count)), kind);
    });
  }

  /** What the letters mean, with the number of pages and their mean entropy in DRAM. */
  String legend() {
    StringBuilder text = new StringBuilder();
    for (PageMap.Kind kind : PageMap.Kind.values()) {
      int count = map.count(kind);
      text.append("  ")
          .append(coloured(String.valueOf(kind.letter), kind))
          .append(" %-26s %9d pages".formatted(kind.words, count));
      if (count > 0 && kind != PageMap.Kind.UNTOUCHED) {
        text.append("   entropy in DRAM %4.2f".formatted(map.meanEntropy(kind)));
      }
      text.append(System.lineSeparator());
    }
    return text.toString();
  }

  /** One letter, and the kind that colours it. */
  private record Cell(char letter, PageMap.Kind kind) {}

  /** What to draw for a run of pages. */
  private interface Painter {
    Cell paint(int first, int end);
  }

  private String draw(Painter painter) {
    StringBuilder text = new StringBuilder();
    for (int line = 0; line < map.pages(); line += PER_LINE * pagesPerCell) {
      text.append("%010x  ".formatted(map.gpa(line)));
      int lineEnd = Math.min(map.pages(), line + PER_LINE * pagesPerCell);
      for (int first = line; first < lineEnd; first += pagesPerCell) {
        Cell cell = painter.paint(first, Math.min(lineEnd, first + pagesPerCell));
        text.append(coloured(String.valueOf(cell.letter), cell.kind));
      }
      text.append(System.lineSeparator());
    }
    return text.toString();
  }

  private String coloured(String text, PageMap.Kind kind) {
    return colours ? COLOURS.get(kind) + text + RESET : text;
  }
}
