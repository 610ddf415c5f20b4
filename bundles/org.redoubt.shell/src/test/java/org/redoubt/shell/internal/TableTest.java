package org.redoubt.shell.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

class TableTest {

  @Test
  void shouldLineUpTextOnTheLeftAndNumbersOnTheRight() {
    Table table =
        new Table("Engine", "Pages", "GB/s")
            .row("aes-128-xex", 12, "4.30")
            .row("none", 123456, "-");
    assertEquals(
        List.of(
            "Engine        Pages  GB/s", "aes-128-xex      12  4.30", "none         123456     -"),
        table.toString().lines().toList());
  }

  @Test
  void shouldShowItsHeadsWhenThereAreNoRows() {
    assertEquals("A  Bc", new Table("A", "Bc").toString().strip());
  }
}
