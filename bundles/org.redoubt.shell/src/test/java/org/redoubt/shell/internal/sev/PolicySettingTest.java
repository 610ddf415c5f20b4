package org.redoubt.shell.internal.sev;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class PolicySettingTest {
  /** As bnd writes it. */
  private static final String XML =
      """
      <?xml version='1.0' encoding='UTF-8'?>
      <metatype:MetaData xmlns:metatype="http://www.osgi.org/xmlns/metatype/v1.4.0">
        <OCD id="x.Settings" name="A policy" description="Of something">
          <AD id="perMinute" name="Per minute" type="Integer" min="1" max="100" default="60"/>
          <AD id="launches" name="Launches" type="Boolean" default="false" description="a&gt;b"/>
          <AD id="owners" name="Owners" type="String" cardinality="2147483647" default="a,b"/>
          <AD id="share" name="Share" type="Double" min="0" max="1" default="0.5"/>
          <AD id="small" name="Small" type="Byte"/>
          <AD id="levels" name="Levels" type="String" cardinality="9" default="low">
            <Option label="Low" value="low"/>
            <Option label="High" value="high"/>
          </AD>
        </OCD>
        <Designate pid="x"><Object ocdref="x.Settings"/></Designate>
      </metatype:MetaData>
      """;

  private static final Map<String, PolicySetting> SETTINGS = PolicySetting.parse(XML);

  @Test
  void shouldReadWhatMetatypeDescribes() {
    assertEquals(
        List.of("launches", "levels", "owners", "perMinute", "share", "small"),
        List.copyOf(SETTINGS.keySet()));
    assertEquals(
        Optional.of(
            new PolicySetting(
                "perMinute",
                "Integer",
                false,
                Optional.of("1"),
                Optional.of("100"),
                List.of(),
                "60",
                "60")),
        Optional.ofNullable(SETTINGS.get("perMinute")));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "perMinute | 1 | ",
        "perMinute | 100 | ",
        "perMinute | 0 | perMinute takes a whole number from 1 to 100, not '0'",
        "perMinute | -1 | perMinute takes a whole number from 1 to 100, not '-1'",
        "perMinute | 101 | perMinute takes a whole number from 1 to 100, not '101'",
        "perMinute | 99999999999999999999 | perMinute takes a whole number from 1 to 100, not"
            + " '99999999999999999999'",
        "perMinute | many | perMinute takes a whole number from 1 to 100, not 'many'",
        "perMinute | 1.5 | perMinute takes a whole number from 1 to 100, not '1.5'",
        "perMinute | 1,2 | perMinute takes a whole number from 1 to 100, not '1,2'",
        "launches | TRUE | ",
        "launches | yes | launches takes true or false, not 'yes'",
        "owners | anything, else | ",
        "share | 0.25 | ",
        "share | 1.25 | share takes a number, not '1.25'",
        "share | NaN | share takes a number, not 'NaN'",
        "small | 127 | ",
        "small | 128 | small takes a whole number from -128 to 127, not '128'",
        "levels | low, high | ",
        "levels | low, mid | levels takes one of low, high, not 'mid'",
      })
  void shouldRefuseValuesThatDoNotFit(String key, String value, String mistake) {
    PolicySetting setting = SETTINGS.getOrDefault(key, SETTINGS.get("small"));
    assertEquals(
        Optional.ofNullable(mistake), setting == null ? Optional.of("") : setting.mistake(value));
  }
}
