package org.redoubt.shell.internal.sev;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One setting of a policy, as its bundle's Metatype describes it (OSGi Compendium, chapter 105).
 *
 * @param key its name
 * @param type Metatype's name of its type, such as {@code Integer}
 * @param list whether it takes several values, separated by commas
 * @param least what a number has to reach, if anything
 * @param most what a number must not exceed, if anything
 * @param options the values there are; none: any
 * @param byDefault the value of who says nothing
 * @param value the value in force; the default, if the policy is not in force
 */
record PolicySetting(
    String key,
    String type,
    boolean list,
    Optional<String> least,
    Optional<String> most,
    List<String> options,
    String byDefault,
    String value) {
  private static final Pattern ATTRIBUTE =
      Pattern.compile("<AD\\b([^>]*?)(?:/>|>(.*?)</AD>)", Pattern.DOTALL);
  private static final Pattern OPTION = Pattern.compile("<Option\\b([^>]*)>");
  private static final Pattern PAIR = Pattern.compile("([\\w.-]+)=\"([^\"]*)\"");
  private static final Map<String, Long> GREATEST =
      Map.of(
          "Byte", (long) Byte.MAX_VALUE,
          "Short", (long) Short.MAX_VALUE,
          "Integer", (long) Integer.MAX_VALUE,
          "Long", Long.MAX_VALUE);

  /** The settings that a Metatype file describes, by name, with their defaults. */
  static Map<String, PolicySetting> parse(String xml) {
    Map<String, PolicySetting> out = new TreeMap<>();
    Matcher attribute = ATTRIBUTE.matcher(xml);
    while (attribute.find()) {
      Map<String, String> a = pairs(attribute.group(1));
      List<String> options = new ArrayList<>();
      if (attribute.group(2) != null) {
        Matcher option = OPTION.matcher(attribute.group(2));
        while (option.find()) {
          options.add(pairs(option.group(1)).getOrDefault("value", ""));
        }
      }
      String key = a.getOrDefault("id", "");
      out.put(
          key,
          new PolicySetting(
              key,
              a.getOrDefault("type", "String"),
              !a.getOrDefault("cardinality", "0").equals("0"),
              Optional.ofNullable(a.get("min")),
              Optional.ofNullable(a.get("max")),
              List.copyOf(options),
              a.getOrDefault("default", ""),
              a.getOrDefault("default", "")));
    }
    return out;
  }

  private static Map<String, String> pairs(String tag) {
    Map<String, String> out = new TreeMap<>();
    Matcher pair = PAIR.matcher(tag);
    while (pair.find()) {
      out.put(
          pair.group(1),
          pair.group(2)
              .replace("&lt;", "<")
              .replace("&gt;", ">")
              .replace("&quot;", "\"")
              .replace("&apos;", "'")
              .replace("&amp;", "&"));
    }
    return out;
  }

  /** The same setting with another value. */
  PolicySetting with(String other) {
    return new PolicySetting(key, type, list, least, most, options, byDefault, other);
  }

  /** What is wrong with a value, one sentence; empty if it fits. */
  Optional<String> mistake(String candidate) {
    String[] values = list ? candidate.split(",", -1) : new String[] {candidate};
    for (String v : values) {
      if (!fits(v.strip())) {
        return Optional.of("%s takes %s, not '%s'".formatted(key, range(), v.strip()));
      }
    }
    return Optional.empty();
  }

  private boolean fits(String v) {
    if (!options.isEmpty()) {
      return options.contains(v);
    }
    try {
      return switch (type) {
        case "Boolean" ->
            v.toLowerCase(Locale.ROOT).equals("true") || v.toLowerCase(Locale.ROOT).equals("false");
        case "Byte", "Short", "Integer", "Long" -> within(v);
        case "Float", "Double" ->
            Double.isFinite(Double.parseDouble(v))
                && least.map(m -> Double.parseDouble(v) >= Double.parseDouble(m)).orElse(true)
                && most.map(m -> Double.parseDouble(v) <= Double.parseDouble(m)).orElse(true);
        default -> true;
      };
    } catch (NumberFormatException e) {
      return false;
    }
  }

  private boolean within(String v) {
    long n = Long.parseLong(v);
    return n >= leastWhole() && n <= mostWhole();
  }

  private long leastWhole() {
    return least.map(Long::parseLong).orElse(-greatest() - 1);
  }

  private long mostWhole() {
    return most.map(Long::parseLong).orElse(greatest());
  }

  private long greatest() {
    return GREATEST.getOrDefault(type, Long.MAX_VALUE);
  }

  private String range() {
    if (!options.isEmpty()) {
      return "one of " + String.join(", ", options);
    }
    return switch (type) {
      case "Boolean" -> "true or false";
      case "Byte", "Short", "Integer", "Long" ->
          "a whole number from %d to %d".formatted(leastWhole(), mostWhole());
      case "Float", "Double" -> "a number";
      default -> "a text";
    };
  }
}
