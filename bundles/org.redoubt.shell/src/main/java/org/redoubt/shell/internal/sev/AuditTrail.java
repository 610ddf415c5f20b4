package org.redoubt.shell.internal.sev;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.event.Event;
import org.osgi.service.event.EventHandler;

/** The last events about firmware commands, whoever posts them; and whoever follows them. */
@Component(
    service = {AuditTrail.class, EventHandler.class},
    immediate = true, // it hears events from the start, not from the first look
    property = "event.topics=org/redoubt/firmware/*")
public final class AuditTrail implements EventHandler {
  /** How many are kept. */
  static final int CAPACITY = 1000;

  private final Deque<Event> last = new ArrayDeque<>();
  private final List<BlockingQueue<Event>> followers = new CopyOnWriteArrayList<>();

  @Override
  public void handleEvent(Event event) {
    synchronized (last) {
      if (last.size() == CAPACITY) {
        last.removeFirst();
      }
      last.addLast(event);
      followers.forEach(f -> f.offer(event)); // one who does not keep up misses some
    }
  }

  /** What was heard, oldest first. */
  List<Event> events() {
    synchronized (last) {
      return List.copyOf(last);
    }
  }

  /** A queue that gets every event from now on; to be given back. */
  BlockingQueue<Event> follow() {
    BlockingQueue<Event> queue = new LinkedBlockingQueue<>(CAPACITY);
    followers.add(queue);
    return queue;
  }

  void unfollow(BlockingQueue<Event> queue) {
    followers.removeIf(f -> f == queue);
  }
}
