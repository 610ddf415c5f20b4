package org.redoubt.memory.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

final class JitRestTest {
  private record Row(long atMs, long compiledMs, boolean atRest) {}

  @Test
  void shouldTellRestAfterAWindowInWhichLittleWasCompiled() {
    Row[] rows = {
      new Row(5_000, 3_000, false), // nothing is known yet
      new Row(5_250, 3_000, false), // the window is not over
      new Row(15_000, 5_000, false), // 20 % of it
      new Row(25_000, 5_500, false), // 5 %
      new Row(35_000, 5_999, true),
      new Row(35_250, 9_000, true), // judged when the window is over
      new Row(45_000, 9_000, false),
      new Row(55_000, 9_000, true),
    };
    JitRest rest = new JitRest();
    for (Row row : rows) {
      assertEquals(
          row.atRest,
          rest.atRest(TimeUnit.MILLISECONDS.toNanos(row.atMs), row.compiledMs),
          row::toString);
    }
  }
}
