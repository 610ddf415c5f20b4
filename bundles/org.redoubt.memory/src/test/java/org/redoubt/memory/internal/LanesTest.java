package org.redoubt.memory.internal;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class LanesTest {
  private final Arena arena = Arena.ofShared();
  private final Lanes lanes = new Lanes(arena);

  @AfterEach
  void close() {
    arena.close();
  }

  private boolean turnsAreOver() {
    return lanes.awaitTurns(System.nanoTime() - 1);
  }

  @Test
  void shouldWaitForLaneThatIsTakenUntilItIsGivenBack() {
    Lane lane = lanes.take();
    assertFalse(turnsAreOver());
    lanes.give(lane);
    assertTrue(turnsAreOver());
    assertSame(lane, lanes.take());
    assertFalse(turnsAreOver());
  }

  @Test
  void shouldNotWaitForThreadWhenWatchdogHasGivenItUp() {
    Lane lane = lanes.take();
    boolean ignored = lane.beginCall(new KeySlot(1, 0));
    lane.tick();
    assertTrue(lane.abandon());
    assertTrue(turnsAreOver());
  }
}
