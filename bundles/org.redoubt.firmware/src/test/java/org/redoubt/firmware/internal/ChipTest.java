package org.redoubt.firmware.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.redoubt.crypto.ChainReport;
import org.redoubt.firmware.internal.keys.Chip;
import org.redoubt.firmware.internal.keys.PlatformKeys;
import org.redoubt.spec.sev.cert.SevCertificate;

/** Root and CEK certificate in the state folder: checked once, and again when they have changed. */
final class ChipTest {
  @TempDir Path folder;

  private SevCertificate cek() throws IOException {
    try (Chip chip = Chip.open(Optional.of(folder), new SecureRandom())) {
      SevCertificate cek = chip.cekCertificate(new PlatformKeys.Api(1, 55));
      assertEquals(Optional.empty(), ChainReport.checkCek(cek, chip.root().ask()));
      return cek;
    }
  }

  private void flip(String file, int at) throws IOException {
    byte[] bytes = Files.readAllBytes(folder.resolve(file));
    bytes[at < 0 ? bytes.length + at : at] ^= 1;
    Files.write(folder.resolve(file), bytes);
  }

  @Test
  void shouldHaveTheSameCertificateWithAndWithoutItsMac() throws IOException {
    Roots.into(folder);
    SevCertificate first = cek();
    assertTrue(Files.exists(folder.resolve("chain.mac")));
    assertEquals(first, cek());
    Files.delete(folder.resolve("chain.mac"));
    assertEquals(first, cek());
    flip("chain.mac", 3);
    assertEquals(first, cek());
    assertEquals(first, cek());
  }

  @Test
  void shouldMakeAChangedCertificateAnew() throws IOException {
    Roots.into(folder);
    SevCertificate first = cek();
    flip("cek.cert", 0x100);
    SevCertificate second = cek();
    assertNotEquals(first, second, "the signature is salted");
    assertEquals(second, cek());
    Files.delete(folder.resolve("cek.cert"));
    assertNotEquals(second, cek());
  }

  @Test
  void shouldRefuseAChangedRoot() throws IOException {
    Roots.into(folder);
    SevCertificate first = cek();
    for (String file : new String[] {"root.ark", "root.ask", "root.key"}) {
      flip(file, -1);
      IOException refused = assertThrows(IOException.class, this::cek, file);
      String message = String.valueOf(refused.getMessage());
      assertTrue(message.startsWith("The root in the state folder cannot be used"), message);
      assertFalse(message.contains("\n"), message);
      flip(file, -1);
      assertEquals(first, cek());
    }
  }
}
