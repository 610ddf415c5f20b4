package org.redoubt.x86.exec;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Set;
import org.junit.jupiter.api.Test;

final class MeaningsTest {
  @Test
  void shouldHaveAMeaningForEveryOperationOrSayThatThereIsNone() {
    assertEquals(Set.of(), Meanings.missing());
  }

  /**
   * SVM's seven, SNP's four, protection keys' two, RSM. A meaning that comes changes the number.
   */
  @Test
  void shouldCountWhatIsUnsupported() {
    assertEquals(12, Unsupported.OPS.size());
  }
}
