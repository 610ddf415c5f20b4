package org.redoubt.shell.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.util.concurrent.ExecutionException;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.redoubt.api.HypervisorException;

class FailuresTest {

  static Stream<Arguments> failures() {
    return Stream.of(
        Arguments.of(new HypervisorException("No engine is named 'x'"), "No engine is named 'x'"),
        Arguments.of(
            new InvocationTargetException(new HypervisorException("Out of pages")), "Out of pages"),
        Arguments.of(
            new ExecutionException(new InvocationTargetException(new IOException("disk full"))),
            "IOException: disk full"),
        Arguments.of(new IllegalArgumentException("two\n  lines\n"), "two lines"),
        Arguments.of(new IllegalStateException(), "IllegalStateException"));
  }

  @ParameterizedTest
  @MethodSource("failures")
  void shouldSayInOneLineWhatWentWrong(Throwable failure, String line) {
    assertEquals(line, Failures.oneLine(failure));
  }
}
