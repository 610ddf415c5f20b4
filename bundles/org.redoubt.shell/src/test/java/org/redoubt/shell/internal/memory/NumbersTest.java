package org.redoubt.shell.internal.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.TypeConversionException;

class NumbersTest {
  private final Numbers.Converter converter = new Numbers.Converter();

  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "4096, 4096",
    "0x1000, 4096",
    "0XfFf, 4095",
    "0x1_0000, 65536",
    "64K, 65536",
    "64k, 65536",
    "2MiB, 2097152",
    "2MB, 2097152",
    "1G, 1073741824",
    "4T, 4398046511104"
  })
  void shouldReadWhatPeopleType(String text, long number) {
    assertEquals(number, converter.convert(text));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "K", "x", "-1", "0x", "0xg", "1.5M", "12Q", "9223372036854775807K", "1 M"})
  void shouldRefuseEverythingElse(String text) {
    assertThrows(TypeConversionException.class, () -> converter.convert(text));
  }

  @ParameterizedTest
  @CsvSource({"0, 5, -", "5, 0, -", "3000, 1000, 3.00"})
  void shouldShowRates(long bytes, long ns, String text) {
    assertEquals(text, Numbers.rate(bytes, ns));
  }
}
