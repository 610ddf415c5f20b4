package org.redoubt.x86.exec.silicon;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.redoubt.x86.decode.Feature;
import org.redoubt.x86.decode.Form;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.decode.Trait;

/** What this host's silicon can be asked: its features and its vendor, as Linux has them. */
final class HostFeatures {
  /** Features that not every x86-64 has, by Linux's names. */
  private static final Map<Feature, String> NAMES = names();

  private final Set<String> flags;
  private final boolean amd;

  HostFeatures() {
    try {
      List<String> lines = Files.readAllLines(Path.of("/proc/cpuinfo"));
      flags = Set.of(value(lines, "flags").split(" "));
      amd = value(lines, "vendor_id").equals("AuthenticAMD");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String value(List<String> lines, String key) {
    for (String line : lines) {
      int colon = line.indexOf(':');
      if (colon > 0 && line.substring(0, colon).strip().equals(key)) {
        return line.substring(colon + 1).strip();
      }
    }
    return "";
  }

  private static Map<Feature, String> names() {
    Map<Feature, String> m = new EnumMap<>(Feature.class);
    m.put(Feature.SSE3, "pni");
    m.put(Feature.SSSE3, "ssse3");
    m.put(Feature.SSE41, "sse4_1");
    m.put(Feature.SSE42, "sse4_2");
    m.put(Feature.SSE4A, "sse4a");
    m.put(Feature.AVX, "avx");
    m.put(Feature.AVX2, "avx2");
    m.put(Feature.FMA, "fma");
    m.put(Feature.F16C, "f16c");
    m.put(Feature.VAES, "vaes");
    m.put(Feature.VPCLMULQDQ, "vpclmulqdq");
    m.put(Feature.AES, "aes");
    m.put(Feature.PCLMULQDQ, "pclmulqdq");
    m.put(Feature.SHA, "sha_ni");
    m.put(Feature.POPCNT, "popcnt");
    m.put(Feature.LZCNT, "abm");
    m.put(Feature.BMI1, "bmi1");
    m.put(Feature.BMI2, "bmi2");
    m.put(Feature.ADX, "adx");
    m.put(Feature.MOVBE, "movbe");
    m.put(Feature.XSAVE, "xsave");
    m.put(Feature.XSAVEOPT, "xsaveopt");
    m.put(Feature.XSAVEC, "xsavec");
    m.put(Feature.XSAVES, "xsaves");
    m.put(Feature.CLFLUSHOPT, "clflushopt");
    m.put(Feature.CLWB, "clwb");
    m.put(Feature.CLZERO, "clzero");
    m.put(Feature.INVPCID, "invpcid");
    return m;
  }

  /** Whether it has all of these, by Linux's names. */
  boolean has(String... names) {
    return flags.containsAll(List.of(names));
  }

  boolean avx() {
    return flags.contains("avx");
  }

  /**
   * Why this host cannot be asked, or an empty string. On the EPYC that our models are, it always
   * can.
   */
  String objection(Form form) {
    for (Feature feature : new Feature[] {form.op().feature(), form.feature()}) {
      String name = NAMES.get(feature);
      if (name != null && !flags.contains(name)) {
        return "the host has no " + name;
      }
    }
    if (!amd && vendorSpecific(form.op())) {
      return "does as AMD's processors do, and the host is another's";
    }
    return "";
  }

  /** Where our CPU models follow AMD's silicon in what the manuals leave open. */
  private static boolean vendorSpecific(Op op) {
    return op.is(Trait.FPU)
        || op.feature() == Feature.SHA
        || switch (op) {
          case FXSAVE, FXRSTOR, XSAVE, XSAVEC, XSAVEOPT, XRSTOR -> true;
          case SHLD, SHRD, BSF, BSR, SYSEXIT, LDMXCSR -> true;
          default -> false;
        };
  }
}
