package org.redoubt.owner;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.redoubt.crypto.ConstantTime;
import org.redoubt.crypto.TransportKeys;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.command.Measurement;

/**
 * Whether a measurement vouches for a prediction, and if not, why not. Believes nothing but the MAC
 * under the owner's own TIK.
 *
 * @param keys the session's keys; stay the caller's
 * @param policy the guest's policy
 * @param firmware the firmware the owner accepts
 */
public record LaunchCheck(TransportKeys keys, GuestPolicy policy, Firmware firmware) {
  /**
   * A firmware's version, part of what is measured.
   *
   * @param apiMajor 0 to 255
   * @param apiMinor 0 to 255
   * @param build 0 to 255
   */
  public record Firmware(int apiMajor, int apiMinor, int build) {
    @Override
    public String toString() {
      return "%d.%d build %d".formatted(apiMajor, apiMinor, build);
    }
  }

  /**
   * The outcome.
   *
   * @param valid whether the guest is the expected one
   * @param explanation one or more sentences for a person
   * @param region the first region that differs, where that could be found out
   */
  public record Verdict(boolean valid, String explanation, Optional<String> region) {}

  /** Whether the measurement is of this digest, under these keys, policy and firmware. */
  public boolean confirms(Measurement measurement, byte[] digest) {
    return confirms(measurement, digest, firmware);
  }

  private boolean confirms(Measurement measurement, byte[] digest, Firmware f) {
    Measurement expected =
        keys.measure(f.apiMajor(), f.apiMinor(), f.build(), policy, digest, measurement.mnonce());
    return ConstantTime.equal(expected.toBytes(), measurement.toBytes());
  }

  /** Checks a measurement without knowing the regions. */
  public Verdict check(Measurement measurement, byte[] digest) {
    return confirms(measurement, digest) ? good(digest) : unknown(measurement, digest);
  }

  /**
   * Checks a measurement and, when it does not fit, looks for the region that is to blame.
   *
   * @param hostLog what the host says it launched; empty: nothing
   */
  public Verdict check(
      Measurement measurement, LaunchPrediction prediction, List<LaunchPrediction.Step> hostLog) {
    byte[] digest = prediction.digest();
    if (confirms(measurement, digest)) {
      return good(digest);
    }
    if (!hostLog.isEmpty()) {
      if (confirms(measurement, hostLog.getLast().digest())) {
        return firstDifference(prediction.steps(), hostLog);
      }
      Verdict v = guess(measurement, prediction);
      return new Verdict(
          false, v.explanation() + " The host's log is not what was measured either.", v.region());
    }
    return guess(measurement, prediction);
  }

  private static Verdict good(byte[] digest) {
    return new Verdict(
        true, "The launch digest is %s, as expected.".formatted(hex(digest)), Optional.empty());
  }

  private static Verdict firstDifference(
      List<LaunchPrediction.Step> expected, List<LaunchPrediction.Step> found) {
    for (int i = 0; i < Math.max(expected.size(), found.size()); i++) {
      if (i == expected.size()) {
        return bad(
            found.get(i).name(),
            "Region %s at %xh is one too many: nothing was expected after %s.",
            found.get(i).name(),
            found.get(i).gpa(),
            i == 0 ? "the start" : expected.get(i - 1).name());
      }
      LaunchPrediction.Step e = expected.get(i);
      if (i == found.size()) {
        return bad(
            e.name(),
            "Region %s at %xh was not launched: the host's log ends before it.",
            e.name(),
            e.gpa());
      }
      LaunchPrediction.Step f = found.get(i);
      if (e.bytes() != f.bytes()) {
        return bad(
            e.name(),
            "Region %s at %xh differs: expected %d bytes, found %d (%s).",
            e.name(),
            e.gpa(),
            e.bytes(),
            f.bytes(),
            f.name());
      }
      if (!Arrays.equals(e.digest(), f.digest())) {
        return bad(
            e.name(),
            "Region %s at %xh differs: the digest up to its end is %s, expected %s.",
            e.name(),
            e.gpa(),
            hex(f.digest()),
            hex(e.digest()));
      }
    }
    throw new AssertionError("Bug: equal logs with different ends");
  }

  /** Without a log, tries what commonly goes wrong; the MAC says whether a guess is right. */
  private Verdict guess(Measurement measurement, LaunchPrediction prediction) {
    List<LaunchPrediction.Step> steps = prediction.steps();
    List<LaunchPrediction.Region> regions = prediction.regions();
    if (confirms(measurement, new LaunchPrediction(List.of()).digest()) && !regions.isEmpty()) {
      return bad(
          regions.getFirst().name(),
          "Nothing was launched: %s and all after it are missing.",
          regions.getFirst().name());
    }
    for (int i = 0; i < steps.size() - 1; i++) {
      if (confirms(measurement, steps.get(i).digest())) {
        return bad(
            regions.get(i + 1).name(),
            "Region %s was not launched, nor any after it.",
            regions.get(i + 1).name());
      }
    }
    for (int i = 0; i < regions.size(); i++) {
      if (confirms(measurement, prediction.without(i).digest())) {
        return bad(regions.get(i).name(), "Region %s was not launched.", regions.get(i).name());
      }
    }
    for (int i = 0; i < regions.size() - 1; i++) {
      if (confirms(measurement, prediction.swapped(i).digest())) {
        return bad(
            regions.get(i).name(),
            "Regions %s and %s were launched in the other order.",
            regions.get(i).name(),
            regions.get(i + 1).name());
      }
    }
    return unknown(measurement, prediction.digest());
  }

  private Verdict unknown(Measurement measurement, byte[] digest) {
    for (int minor = 0; minor < 256; minor++) {
      for (int build = 0; build < 256; build++) {
        Firmware other = new Firmware(firmware.apiMajor(), minor, build);
        if (confirms(measurement, digest, other)) {
          return new Verdict(
              false,
              "The launched bytes are right, but the firmware is %s, expected %s."
                  .formatted(other, firmware),
              Optional.empty());
        }
      }
    }
    return new Verdict(
        false,
        ("The measurement does not fit digest %s under this TIK, policy %s and firmware %s: other"
                + " bytes were launched, or key, policy or nonce are of another launch. With the"
                + " host's log of running digests the region can be named.")
            .formatted(hex(digest), policy, firmware),
        Optional.empty());
  }

  private static Verdict bad(String region, String format, Object... arguments) {
    return new Verdict(false, format.formatted(arguments), Optional.of(region));
  }

  private static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }
}
