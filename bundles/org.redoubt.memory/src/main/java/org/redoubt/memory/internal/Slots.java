package org.redoubt.memory.internal;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * All key slots that pages of DRAM name as their writer, by id. Ids from 1 up; one is used again
 * when its slot is dead and no page names it.
 */
final class Slots {
  private volatile @Nullable KeySlot[] byId = new @Nullable KeySlot[16];

  /** Makes a slot under a fresh id. */
  synchronized KeySlot add(IntFunction<KeySlot> maker) {
    @Nullable KeySlot[] table = byId;
    int id = 1;
    while (id < table.length && !reusable(table[id])) {
      id++;
    }
    if (id == table.length) {
      table = Arrays.copyOf(table, id * 2);
    } else {
      table = table.clone();
    }
    KeySlot slot = maker.apply(id);
    table[id] = slot;
    byId = table;
    return slot;
  }

  private static boolean reusable(@Nullable KeySlot slot) {
    return slot == null || (slot.dead() && slot.pages() == 0);
  }

  /** Books a page as written by a slot. The caller has the page to itself. */
  void book(Book book, long page, KeySlot slot) {
    int before = book.writer(page);
    if (before != slot.id()) {
      slot.addPage();
      book.setWriter(page, slot.id());
      KeySlot former = get(before);
      if (former != null) {
        former.removePage();
      }
    }
  }

  /** Books a page as never written. The caller has the page to itself. */
  void unbook(Book book, long page) {
    KeySlot former = get(book.writer(page));
    book.setWriter(page, Book.NEVER);
    if (former != null) {
      former.removePage();
    }
  }

  /** The slot of an id, or null for {@link Book#NEVER}. */
  @Nullable KeySlot get(int id) {
    return byId[id];
  }

  /** All slots that there are, dead ones that pages still name included. */
  List<KeySlot> all() {
    List<KeySlot> all = new ArrayList<>();
    for (KeySlot slot : byId) {
      if (slot != null) {
        all.add(slot);
      }
    }
    return all;
  }
}
