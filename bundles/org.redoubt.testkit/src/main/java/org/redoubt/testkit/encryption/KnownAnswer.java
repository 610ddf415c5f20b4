package org.redoubt.testkit.encryption;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * One published or independently computed result of an engine.
 *
 * @param name what it is or shows
 * @param key the key, as long as the factory's {@code keyBytes()}
 * @param spa system-physical address of the first byte
 * @param plain plaintext, whole blocks
 * @param cipher the ciphertext that must come out, as long as {@code plain}
 */
public record KnownAnswer(String name, byte[] key, long spa, byte[] plain, byte[] cipher) {
  /**
   * The answers that the testkit ships: {@code aes-128-xex}, {@code aes-128-xe}, {@code
   * aes-256-xts}. An engine that claims to be byte for byte one of these takes its answers too.
   *
   * @param engineName the engine's name
   * @throws IllegalArgumentException if there are none
   */
  public static List<KnownAnswer> of(String engineName) {
    String file = engineName + ".txt";
    try (var in = KnownAnswer.class.getResourceAsStream(file)) {
      if (in == null) {
        throw new IllegalArgumentException("The testkit has no known answers of " + engineName);
      }
      return read(new InputStreamReader(in, StandardCharsets.US_ASCII), file);
    } catch (IOException e) {
      throw new IllegalStateException("Cannot read " + file, e);
    }
  }

  /**
   * Reads answers from text: paragraphs of {@code field = value}, numbers in hexadecimal, comments
   * after {@code #}, a line that begins with blanks continuing the one before.
   *
   * @param text the text, read to its end
   * @param source what to call it in messages
   * @throws IOException if reading fails
   * @throws IllegalArgumentException if a line or an answer is not of that form, or there is no
   *     answer
   */
  public static List<KnownAnswer> read(Reader text, String source) throws IOException {
    List<KnownAnswer> answers = new ArrayList<>();
    Map<String, StringBuilder> fields = new LinkedHashMap<>();
    StringBuilder value = new StringBuilder();
    List<String> lines = new ArrayList<>(new BufferedReader(text).lines().toList());
    lines.add("");
    for (String line : lines) {
      int equals = line.indexOf(" = ");
      if (line.startsWith("#")) {
        continue;
      } else if (line.isBlank()) {
        if (!fields.isEmpty()) {
          answers.add(answer(fields, source));
          fields.clear();
        }
      } else if (line.startsWith(" ")) {
        value.append(line.strip());
      } else if (equals > 0) {
        value = new StringBuilder(line.substring(equals + 3));
        fields.put(line.substring(0, equals), value);
      } else {
        throw new IllegalArgumentException(source + " has a line that is no field: " + line);
      }
    }
    if (answers.isEmpty()) {
      throw new IllegalArgumentException(source + " holds no known answer");
    }
    return answers;
  }

  private static KnownAnswer answer(Map<String, StringBuilder> fields, String source) {
    HexFormat hex = HexFormat.of();
    try {
      return new KnownAnswer(
          field(fields, "name"),
          hex.parseHex(field(fields, "key")),
          Long.parseLong(field(fields, "spa"), 16),
          hex.parseHex(field(fields, "plain")),
          hex.parseHex(field(fields, "cipher")));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          source + " has a damaged answer with the fields " + fields.keySet(), e);
    }
  }

  private static String field(Map<String, StringBuilder> fields, String name) {
    StringBuilder value = fields.get(name);
    if (value == null) {
      throw new IllegalArgumentException("No field " + name);
    }
    return value.toString();
  }

  /** The name: the rest is too long for messages. */
  @Override
  public String toString() {
    return name;
  }
}
