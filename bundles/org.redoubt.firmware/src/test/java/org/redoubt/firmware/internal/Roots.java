package org.redoubt.firmware.internal;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;
import java.util.Optional;
import org.redoubt.crypto.RootAuthority;
import org.redoubt.firmware.internal.keys.Chip;
import org.redoubt.firmware.internal.keys.PlatformKeys;
import org.redoubt.spec.sev.cert.PlatformChain;

/** One maker for many chips: its root takes seconds to make, and chips of one maker share it. */
final class Roots {
  private static final List<String> FILES = List.of("root.key", "root.ask", "root.ark");
  private static final SecureRandom RANDOM = new SecureRandom();

  private static final class Maker {
    static final Path FOLDER = folder();
    static final RootAuthority ROOT = root(FOLDER);
    static final Path OTHER_FOLDER = folder();
    static final RootAuthority OTHER = root(OTHER_FOLDER);

    private static Path folder() {
      try {
        Path folder = Files.createTempDirectory("maker");
        folder.toFile().deleteOnExit();
        return folder;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private Roots() {}

  private static RootAuthority root(Path folder) {
    try (Chip chip = Chip.open(Optional.of(folder), RANDOM)) {
      return chip.root();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The maker of all chips whose folder went through {@link #into}. */
  static RootAuthority maker() {
    return Maker.ROOT;
  }

  /** Another maker. */
  static RootAuthority other() {
    return Maker.OTHER;
  }

  /** Makes a chip's folder one of the maker's. */
  static void into(Path folder) {
    copy(Maker.FOLDER, folder);
  }

  private static void copy(Path maker, Path folder) {
    try {
      Files.createDirectories(folder);
      for (String name : FILES) {
        Files.copy(maker.resolve(name), folder.resolve(name));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The chain of a platform that was initialized on the chip in a folder. */
  static PlatformChain chain(Path folder, PlatformKeys keys) {
    try (Chip chip = Chip.open(Optional.of(folder), RANDOM)) {
      return keys.chain(chip.cekCertificate(new PlatformKeys.Api(1, 55)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The chain of another chip, freshly made, of the same maker or of another. */
  static PlatformChain stranger(Path folder, boolean sameMaker, int apiMinor) {
    copy(sameMaker ? Maker.FOLDER : Maker.OTHER_FOLDER, folder);
    PlatformKeys.Api api = new PlatformKeys.Api(1, apiMinor);
    try (Chip chip = Chip.open(Optional.of(folder), RANDOM);
        PlatformKeys keys = PlatformKeys.generate(chip, api, RANDOM)) {
      return keys.chain(chip.cekCertificate(api));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
