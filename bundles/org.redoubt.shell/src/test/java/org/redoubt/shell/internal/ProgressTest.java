package org.redoubt.shell.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class ProgressTest {

  private static String show(boolean terminal, long... done) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
        Progress progress = new Progress(out, "m: a to b", terminal)) {
      for (long now : done) {
        progress.show(now, 1000);
      }
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Test
  void shouldPrintALineForEachTenthWhereThereIsNoTerminal() {
    String text = show(false, 0, 1, 99, 100, 199, 550, 1000, 1000);
    assertFalse(text.contains("\r"), text);
    assertEquals(
        List.of("m: a to b   0 %", "m: a to b  10 %", "m: a to b  50 %", "m: a to b 100 %"),
        text.lines().toList());
  }

  @Test
  void shouldRedrawABarOnATerminal() {
    String text = show(true, 0, 500, 1000);
    assertTrue(text.contains("\rm: a to b [" + "#".repeat(15) + ".".repeat(15) + "]  50 %"), text);
    assertTrue(text.endsWith("[" + "#".repeat(30) + "] 100 %" + System.lineSeparator()), text);
  }

  @Test
  void shouldBeCompleteWhenThereIsNothingToDo() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    new Progress(new PrintStream(bytes, true, StandardCharsets.UTF_8), "x", false).show(0, 0);
    assertEquals("x 100 %", bytes.toString(StandardCharsets.UTF_8).strip());
  }
}
