package org.redoubt.shell.internal;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Rows of text in columns that line up; a column whose cells are all numbers is aligned right. */
public final class Table {
  private static final String GAP = "  ";

  private final List<String> heads;
  private final List<List<String>> rows = new ArrayList<>();

  /** Starts a table with one head for each column. */
  public Table(String... heads) {
    this.heads = List.of(heads);
  }

  /** Adds a row with one cell for each head. */
  public Table row(@Nullable Object... cells) {
    if (cells.length != heads.size()) {
      throw new IllegalArgumentException(
          "bug: %d cells under %d heads".formatted(cells.length, heads.size()));
    }
    List<String> row = new ArrayList<>();
    for (Object cell : cells) {
      row.add(String.valueOf(cell));
    }
    rows.add(row);
    return this;
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    line(text, heads);
    rows.forEach(row -> line(text, row));
    return text.toString();
  }

  private void line(StringBuilder text, List<String> cells) {
    StringBuilder line = new StringBuilder();
    for (int column = 0; column < cells.size(); column++) {
      String cell = cells.get(column);
      String space = " ".repeat(width(column) - length(cell));
      line.append(column == 0 ? "" : GAP);
      line.append(isNumeric(column) ? space + cell : cell + space);
    }
    text.append(line.toString().stripTrailing()).append(System.lineSeparator());
  }

  private int width(int column) {
    int widest = length(heads.get(column));
    for (List<String> row : rows) {
      widest = Math.max(widest, length(row.get(column)));
    }
    return widest;
  }

  private boolean isNumeric(int column) {
    return !rows.isEmpty()
        && rows.stream()
            .allMatch(row -> row.get(column).matches("-|[-+]?[\\d,.]+( ?[\\w/%]{1,5})?"));
  }

  private static int length(String cell) {
    return cell.codePointCount(0, cell.length());
  }
}
