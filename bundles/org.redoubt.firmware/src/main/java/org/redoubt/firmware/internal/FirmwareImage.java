package org.redoubt.firmware.internal;

import static org.redoubt.struct.Layouts.bytes;
import static org.redoubt.struct.Layouts.reserved;
import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u32;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import org.redoubt.crypto.RootAuthority;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.struct.Field;
import org.redoubt.struct.RawStructure;
import org.redoubt.struct.Reserved;

/**
 * What DOWNLOAD_FIRMWARE takes: the name of a firmware service, signed by the chip's maker. The
 * code itself comes in the bundle that offers the service.
 *
 * <pre>
 * 00h  MAGIC       8  "RDBTFW01"
 * 08h  SVN         4  security version; a firmware takes none below its own
 * 0Ch  RESERVED    4  zero
 * 10h  NAME       64  redoubt.firmware.name, ASCII, filled up with zeros
 * 50h  SIG       512  RSA-PSS by the ASK over bytes 00h to 4Fh, little-endian
 * </pre>
 *
 * <p>Source: ours; AMD's images are AMD's code for AMD's silicon.
 */
public final class FirmwareImage extends RawStructure {
  /** The packed layout, 592 bytes. */
  public static final StructLayout LAYOUT =
      struct(
          "FIRMWARE_IMAGE",
          bytes(8, "MAGIC"),
          u32("SVN"),
          reserved(4, ""),
          bytes(64, "NAME"),
          bytes(512, "SIG"));

  private static final byte[] MAGIC_BYTES = "RDBTFW01".getBytes(StandardCharsets.US_ASCII);
  private static final Field MAGIC = Field.of(LAYOUT, "MAGIC");
  private static final Field SVN = Field.of(LAYOUT, "SVN");
  private static final Field NAME = Field.of(LAYOUT, "NAME");
  private static final Field SIG = Field.of(LAYOUT, "SIG");

  /** Takes 592 bytes. */
  public FirmwareImage(byte[] raw) {
    super(LAYOUT, raw);
  }

  /**
   * A signed image.
   *
   * @throws IllegalArgumentException if the name has more than 64 characters, or others than ASCII
   */
  static FirmwareImage of(String name, int svn, RootAuthority root) {
    if (!name.matches("[!-~]{1,64}")) {
      throw new IllegalArgumentException(
          "'%s' cannot name a firmware: 1 to 64 ASCII characters without spaces".formatted(name));
    }
    byte[] raw = new byte[(int) LAYOUT.byteSize()];
    MemorySegment s = MemorySegment.ofArray(raw);
    MAGIC.setBytes(s, MAGIC_BYTES);
    SVN.set(s, svn);
    NAME.setBytes(s, name.getBytes(StandardCharsets.US_ASCII));
    SIG.setBytes(s, root.sign(Arrays.copyOf(raw, (int) SIG.offset())));
    return new FirmwareImage(raw);
  }

  /** Checks everything but the signature. */
  public Optional<Refusal> checkForm() {
    if (!Arrays.equals(MAGIC.getBytes(segment()), MAGIC_BYTES)) {
      return bad("IMAGE.MAGIC: expected RDBTFW01, found other bytes");
    }
    Optional<Reserved.Violation> mbz = Reserved.firstNonZero(LAYOUT, segment());
    if (mbz.isPresent()) {
      return bad("IMAGE: " + mbz.get());
    }
    return name().matches("[!-~]{1,64}")
        ? Optional.empty()
        : bad("IMAGE.NAME: expected ASCII, found other bytes");
  }

  private static Optional<Refusal> bad(String reason) {
    return Optional.of(Refusal.of(FirmwareStatus.INVALID_PARAM, "%s", reason));
  }

  /** Whether the maker signed it. */
  public boolean signedBy(RootAuthority root) {
    byte[] signature = SIG.getBytes(segment());
    int bytes = root.ask().bits() / 8;
    for (int i = bytes; i < signature.length; i++) {
      if (signature[i] != 0) {
        return false;
      }
    }
    return root.verifies(
        Arrays.copyOf(toBytes(), (int) SIG.offset()), Arrays.copyOf(signature, bytes));
  }

  public int svn() {
    return SVN.getInt(segment());
  }

  /** The firmware's name. */
  public String name() {
    byte[] raw = NAME.getBytes(segment());
    int end = raw.length;
    while (end > 0 && raw[end - 1] == 0) {
      end--;
    }
    return new String(raw, 0, end, StandardCharsets.ISO_8859_1);
  }
}
