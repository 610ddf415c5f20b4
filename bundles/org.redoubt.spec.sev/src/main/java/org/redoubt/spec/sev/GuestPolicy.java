package org.redoubt.spec.sev;

import java.util.ArrayList;
import java.util.List;
import org.redoubt.struct.Bits;

/**
 * The policy of an SEV or SEV-ES guest, given at LAUNCH_START and fixed for the guest's life. SEV
 * API (55766), "Guest Policy"; Linux {@code linux/psp-sev.h}, {@code SEV_POLICY_MASK_*}.
 *
 * <pre>
 *    0  NODBG      debugging is refused
 *    1  NOKS       sharing keys with another guest is refused
 *    2  ES         the guest must be an SEV-ES guest
 *    3  NOSEND     sending is refused
 *    4  DOMAIN     sending only within the domain (platforms with the same OCA)
 *    5  SEV        sending only to platforms that can do SEV
 * 15:6  reserved, must be zero
 * 23:16 API_MAJOR  the least API version that may hold the guest
 * 31:24 API_MINOR
 * </pre>
 *
 * @param bits the raw 32 bits
 */
public record GuestPolicy(int bits) {
  private static final int NODBG = 0;
  private static final int NOKS = 1;
  private static final int ES = 2;
  private static final int NOSEND = 3;
  private static final int DOMAIN = 4;
  private static final int SEV = 5;
  private static final long MBZ = Bits.mask(15, 6);

  /** Debugging is refused. */
  public boolean noDebug() {
    return Bits.bit(bits, NODBG);
  }

  /** Sharing keys with another guest is refused. */
  public boolean noKeySharing() {
    return Bits.bit(bits, NOKS);
  }

  /** The guest must be an SEV-ES guest. */
  public boolean encryptedState() {
    return Bits.bit(bits, ES);
  }

  /** Sending is refused. */
  public boolean noSend() {
    return Bits.bit(bits, NOSEND);
  }

  /** Sending only within the domain. */
  public boolean domain() {
    return Bits.bit(bits, DOMAIN);
  }

  /** Sending only to platforms that can do SEV. */
  public boolean sev() {
    return Bits.bit(bits, SEV);
  }

  /** The least API major version, 0 to 255. */
  public int apiMajor() {
    return (int) Bits.field(bits, 23, 16);
  }

  /** The least API minor version, 0 to 255. */
  public int apiMinor() {
    return (int) Bits.field(bits, 31, 24);
  }

  /** Whether bits 15:6 are zero. */
  public boolean wellFormed() {
    return (bits & MBZ) == 0;
  }

  /** Whether a firmware with this API version may hold the guest. */
  public boolean allowsApi(int major, int minor) {
    return major > apiMajor() || major == apiMajor() && minor >= apiMinor();
  }

  /** The policy in words: one line per bit or field, in bit order; also what is wrong with it. */
  public List<String> explain() {
    List<String> lines = new ArrayList<>();
    line(
        lines,
        NODBG,
        "NODBG",
        "the host may not debug the guest",
        "the host may read and write the guest by DBG_DECRYPT and DBG_ENCRYPT");
    line(
        lines,
        NOKS,
        "NOKS",
        "no other guest may share its key",
        "another guest may be launched with its key");
    line(
        lines,
        ES,
        "ES",
        "register state is encrypted too (SEV-ES)",
        "register state is open to the host");
    line(
        lines,
        NOSEND,
        "NOSEND",
        "it may never be sent to another platform",
        "it may be sent to another platform");
    line(
        lines,
        DOMAIN,
        "DOMAIN",
        "it may only be sent to platforms of the same owner",
        "it may be sent to platforms of any owner");
    line(
        lines,
        SEV,
        "SEV",
        "it may only be sent to platforms that can do SEV",
        "where it may be sent is not limited to SEV platforms");
    lines.add("bits 31:16  API at least %d.%d".formatted(apiMajor(), apiMinor()));
    if (!wellFormed()) {
      lines.add("bits 15:6   not well-formed: %Xh set, must be zero".formatted(bits & MBZ));
    }
    return List.copyOf(lines);
  }

  /** The policy in one line: what it demands; what it leaves open is not said. */
  public String summary() {
    List<String> demands = new ArrayList<>();
    if (noDebug()) {
      demands.add("no debugging");
    }
    if (noKeySharing()) {
      demands.add("no key sharing");
    }
    if (encryptedState()) {
      demands.add("registers encrypted (SEV-ES)");
    }
    if (noSend()) {
      demands.add("no sending");
    } else if (domain()) {
      demands.add("sending within the owner's domain only");
    } else if (sev()) {
      demands.add("sending to SEV platforms only");
    }
    if (apiMajor() != 0 || apiMinor() != 0) {
      demands.add("API at least %d.%d".formatted(apiMajor(), apiMinor()));
    }
    return demands.isEmpty() ? "no demands" : String.join(", ", demands);
  }

  /**
   * What is odd about this policy on a platform: first what keeps its guest from being launched
   * there, then what has no effect. Empty: nothing.
   *
   * @param major the platform's API
   * @param minor the platform's API
   * @param es whether the platform was initialized with SEV-ES
   */
  public List<String> warnings(int major, int minor, boolean es) {
    List<String> out = new ArrayList<>();
    if (!wellFormed()) {
      out.add("it cannot boot: LAUNCH_START answers INVALID_PARAM to reserved bits");
    }
    if (!allowsApi(major, minor)) {
      out.add(
          "it cannot boot: it wants API %d.%d, this platform has %d.%d"
              .formatted(apiMajor(), apiMinor(), major, minor));
    }
    if (encryptedState() && !es) {
      out.add("it cannot boot: it wants SEV-ES, which this platform was initialized without");
    }
    if (noSend() && (domain() || sev())) {
      out.add("DOMAIN and SEV have no effect beside NOSEND: it is never sent");
    }
    if (!noDebug() && (noSend() || domain())) {
      out.add("the host may read all of it by DBG_DECRYPT, whatever it may send: NODBG is 0");
    }
    return List.copyOf(out);
  }

  private void line(List<String> lines, int bit, String name, String one, String zero) {
    boolean set = Bits.bit(bits, bit);
    lines.add("bit %d  %-7s %d  %s".formatted(bit, name, set ? 1 : 0, set ? one : zero));
  }

  /** The raw bits as AMD's documents write them, for instance {@code 00000001h}. */
  @Override
  public String toString() {
    return "%08Xh".formatted(bits);
  }
}
