package org.redoubt.shell.internal.memory;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.PageInfo;
import org.redoubt.api.vm.Vm;
import org.redoubt.api.vm.VmConfig;

/** Maps of a guest whose pages are known. */
final class PageMapTest {
  private static final long SPA = 0x4000_0000L;
  private static final long LOW = 3L << 30;

  /** Of each 8 pages: private cached, 2 private, shared cached, shared, 3 never touched. */
  private static PageInfo page(long number) {
    return switch ((int) (number % 8)) {
      case 0 -> new PageInfo(3, true, true, true);
      case 1, 2 -> new PageInfo(3, false, false, true);
      case 3 -> new PageInfo(0, true, false, true);
      case 4 -> new PageInfo(0, false, false, true);
      default -> new PageInfo(0, false, false, false);
    };
  }

  private static Vm vm(long bytes) {
    MemorySystem memory =
        fake(
            MemorySystem.class,
            Map.of(
                "pageInfo",
                (proxy, method, arguments) -> page(((long) arguments[0] - SPA) >>> 12),
                "probe",
                (proxy, method, arguments) -> {
                  long number = ((long) arguments[0] - SPA) >>> 12;
                  byte[] random = new byte[4096];
                  if (page(number).tag() != 0 && number < 1024) {
                    new SplittableRandom(number).nextBytes(random);
                  }
                  MemorySegment target = (MemorySegment) arguments[1];
                  target.copyFrom(MemorySegment.ofArray(random));
                  return null;
                }));
    VmConfig config =
        new VmConfig(
            "vm0",
            Path.of("kernel"),
            Optional.empty(),
            "",
            bytes,
            1,
            VmConfig.Protection.SEV,
            Optional.empty(),
            Optional.empty(),
            "EPYC",
            Optional.empty(),
            1 << 20,
            false,
            false,
            Map.of());
    return fake(
        Vm.class,
        Map.of(
            "config",
            (proxy, method, arguments) -> config,
            "memory",
            (proxy, method, arguments) -> memory,
            "spa",
            (proxy, method, arguments) -> {
              long gpa = (long) arguments[0];
              long offset = gpa < LOW ? gpa : gpa >= 1L << 32 ? gpa - (1L << 32) + LOW : -1;
              return offset >= 0 && offset < bytes ? Optional.of(SPA + offset) : Optional.empty();
            }));
  }

  private static <T> T fake(Class<T> type, Map<String, InvocationHandler> methods) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (proxy, method, arguments) ->
                requireNonNull(methods.get(method.getName()), method::getName)
                    .invoke(proxy, method, arguments)));
  }

  @Test
  void shouldTellPagesApart() {
    PageMap map = PageMap.of(vm(64 * 4096));
    assertEquals(64, map.pages());
    assertEquals(8, map.count(PageMap.Kind.PRIVATE_CACHED));
    assertEquals(16, map.count(PageMap.Kind.PRIVATE));
    assertEquals(8, map.count(PageMap.Kind.SHARED_CACHED));
    assertEquals(8, map.count(PageMap.Kind.SHARED));
    assertEquals(24, map.count(PageMap.Kind.UNTOUCHED));
    assertTrue(map.meanEntropy(PageMap.Kind.PRIVATE) > 7.9, "random bytes");
    assertEquals(0, map.meanEntropy(PageMap.Kind.SHARED), "zeros");
    String text = new PageMapText(map, false).kinds();
    assertEquals("0000000000  " + "PppSs...".repeat(8) + System.lineSeparator(), text);
    String entropies = new PageMapText(map, false).entropies();
    assertEquals("0000000000  " + "77700...".repeat(8) + System.lineSeparator(), entropies);
  }

  @Test
  void shouldFollowRamAboveTheHole() {
    PageMap map = PageMap.of(vm(LOW + (1 << 20)));
    assertEquals(LOW - 4096, map.gpa((int) (LOW >>> 12) - 1));
    assertEquals(1L << 32, map.gpa((int) (LOW >>> 12)));
  }

  @Test
  void shouldFitATerminalOfAnySizeOfGuest() {
    for (long mebibytes : List.of(1L, 63L, 256L, 1000L, 3080L)) {
      PageMap map = PageMap.of(vm(mebibytes << 20));
      for (boolean colours : new boolean[] {false, true}) {
        PageMapText text = new PageMapText(map, colours);
        List<String> lines = (text.kinds() + text.legend()).lines().toList();
        assertTrue(lines.size() <= 24 + PageMap.Kind.values().length, text::kinds);
        for (String line : lines) {
          String letters = line.replaceAll("\033\\[[0-9;]*m", "");
          assertTrue(letters.length() <= 80, letters);
          assertEquals(colours, !letters.equals(line), line);
        }
      }
    }
  }

  @Test
  void shouldMakeAPictureThatOthersRead() throws Exception {
    PageMap map = PageMap.of(vm(1000 * 4096));
    BufferedImage image = ImageIO.read(new ByteArrayInputStream(PageMapImage.png(map)));
    assertEquals(2, image.getHeight());
    assertEquals(2 * 512 + 8, image.getWidth());
    for (int page : new int[] {0, 1, 3, 4, 5, 511, 512, 999}) {
      int colour = image.getRGB(page % 512, page / 512) & 0xff_ffff;
      assertEquals(PageMapImage.colour(map.kind(page)), colour, "page " + page);
      int grey = image.getRGB(520 + page % 512, page / 512) & 0xff;
      assertEquals(map.entropy(page) * 32, grey, 1, "page " + page);
    }
  }

  @Test
  void shouldMeasureEntropyInBitsAByte() {
    byte[] bytes = new byte[4096];
    assertEquals(0, PageMap.entropy(bytes, new int[256]), 1e-9);
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) i;
    }
    assertEquals(8, PageMap.entropy(bytes, new int[256]), 1e-9);
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (i & 1);
    }
    assertEquals(1, PageMap.entropy(bytes, new int[256]), 1e-9);
  }

  @Test
  void shouldShowBothViewsSideBySideIn80Columns() {
    byte[] guest = new byte[19];
    byte[] host = new byte[19];
    for (int i = 0; i < guest.length; i++) {
      guest[i] = (byte) ('a' + i);
      host[i] = (byte) (0xf0 + i);
    }
    List<String> lines = HexDump.pair(0xf_ffff_f000L, guest, host).lines().toList();
    assertEquals(4, lines.size());
    assertEquals(
        "ffffff000  61 62 63 64 65 66 67 68 abcdefgh   f0 f1 f2 f3 f4 f5 f6 f7 ........",
        lines.get(1).substring(1));
    assertTrue(lines.get(3).contains("71 72 73                qrs        00 01 02"), lines.get(3));
    assertFalse(lines.stream().anyMatch(line -> line.length() > 80), lines::toString);
  }
}
