package org.redoubt.x86.exec;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Set;
import org.junit.jupiter.api.Test;

final class MeaningsTest {
  @Test
  void shouldHaveAMeaningForEveryOperationOrSayThatThereIsNone() {
    assertEquals(Set.of(), Meanings.missing());
  }
}
