package org.redoubt.firmware.internal;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.redoubt.api.firmware.CommandRecord;

/** The last commands, oldest first. Thread-safe. */
final class History {
  /** How many are kept. */
  static final int CAPACITY = 1000;

  private final Deque<CommandRecord> records = new ArrayDeque<>();

  synchronized void add(CommandRecord record) {
    if (records.size() == CAPACITY) {
      records.removeFirst();
    }
    records.addLast(record);
  }

  synchronized List<CommandRecord> list() {
    return List.copyOf(records);
  }
}
