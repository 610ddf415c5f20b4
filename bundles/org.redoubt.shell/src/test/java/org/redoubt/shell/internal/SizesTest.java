package org.redoubt.shell.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.TypeConversionException;

class SizesTest {
  @ParameterizedTest
  @CsvSource({
    "512, 536870912",
    "512M, 536870912",
    "64k, 65536",
    "2GiB, 2147483648",
    "2GB, 2147483648",
    "4T, 4398046511104"
  })
  void shouldReadSizesAsQemusUsersWriteThem(String text, long bytes) {
    assertEquals(bytes, new Sizes().convert(text));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "M", "-1", "1.5G", "12Q", "lots", "999999999T"})
  void shouldRefuseEverythingElse(String text) {
    assertThrows(TypeConversionException.class, () -> new Sizes().convert(text));
  }

  @ParameterizedTest
  @CsvSource({"0, 0 B", "12, 12 B", "4096, 4 KiB", "67108864, 64 MiB", "4097, 4097 B"})
  void shouldShowSizesInWholeUnits(long bytes, String text) {
    assertEquals(text, Sizes.text(bytes));
  }
}
