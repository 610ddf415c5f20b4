package org.redoubt.guest.images;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.redoubt.guest.images.internal.Checksums;
import org.redoubt.guest.images.internal.DebPackage;
import org.redoubt.guest.images.internal.FakeDeb;
import org.redoubt.guest.images.internal.MirrorSource;
import org.redoubt.guest.images.internal.PackageSource;
import org.redoubt.linux.boot.LinuxBootException;
import org.redoubt.linux.boot.LinuxImage;
import org.redoubt.linux.boot.SetupData;

class GuestImagesTest {
  @TempDir Path folder;

  /** A repository with three small packages, in memory. */
  private static final class FakeSource implements PackageSource {
    final Map<String, byte[]> files = new HashMap<>();
    final Map<String, DebPackage> packages = new HashMap<>();
    final List<String> fetched = new ArrayList<>();
    final Map<String, FakeSource> suites = new HashMap<>();

    FakeSource(String kernelVersion) {
      String kernel = "linux-image-" + kernelVersion + "-cloud-amd64";
      add("linux-image-cloud-amd64", "1", List.of(kernel), Map.of());
      add(
          kernel,
          kernelVersion,
          List.of("kmod"),
          Map.of(
              "./boot/vmlinuz-" + kernelVersion,
              "kernel " + kernelVersion,
              "./lib/modules/" + kernelVersion + "/kernel/a.ko",
              "\0depends=b-c\0",
              "./lib/modules/" + kernelVersion + "/kernel/b_c.ko",
              "\0depends=\0",
              "./lib/modules/" + kernelVersion + "/modules.builtin",
              "kernel/x/virtio-pci.ko\n",
              "./usr/share/doc/big",
              "text"));
      add("busybox-static", "1:2", List.of(), Map.of("./bin/busybox", "busybox"));
    }

    private void add(
        String name, String version, List<String> depends, Map<String, String> contents) {
      try {
        byte[] deb = FakeDeb.of(contents);
        files.put(name, deb);
        packages.put(
            name,
            new DebPackage(
                name,
                version,
                "pool/" + name + ".deb",
                deb.length,
                Checksums.sha256(deb),
                depends));
      } catch (IOException e) {
        throw new AssertionError(e);
      }
    }

    @Override
    public Optional<DebPackage> find(String name) {
      return Optional.ofNullable(packages.get(name));
    }

    @Override
    public PackageSource suite(String name) {
      return suites.getOrDefault(name, this);
    }

    @Override
    public Path fetch(DebPackage wanted, Path target, Progress progress) throws IOException {
      fetched.add(wanted.name());
      progress.at("fetch", wanted.size(), wanted.size());
      return Files.write(target.resolve("x.deb"), files.getOrDefault(wanted.name(), new byte[0]));
    }
  }

  private GuestImages images(PackageSource source) {
    return new GuestImages(folder.resolve("cache"), Progress.NONE, Optional.of(source));
  }

  @Test
  void shouldFetchOnceAndThenUseTheCache() throws ImageException, IOException {
    FakeSource source = new FakeSource("6.1.0-9");
    GuestImage image = images(source).debian();
    assertEquals("kernel 6.1.0-9", Files.readString(image.kernel()));
    assertEquals("busybox", Files.readString(image.busybox()));
    assertTrue(image.modules().endsWith("lib/modules/6.1.0-9"));
    assertEquals(2, source.fetched.size());
    assertEquals(image, images(source).debian());
    assertEquals(
        image, new GuestImages(folder.resolve("cache"), Progress.NONE, Optional.empty()).debian());
    assertEquals(2, source.fetched.size());
  }

  @Test
  void shouldTakeANewerKernelOnlyWhenAsked() throws ImageException {
    images(new FakeSource("6.1.0-9")).debian();
    FakeSource newer = new FakeSource("6.1.0-10");
    assertTrue(images(newer).debian().version().contains("6.1.0-9"));
    assertTrue(images(newer).update().version().contains("6.1.0-10"));
    assertTrue(images(newer).debian().version().contains("6.1.0-10"));
    assertFalse(newer.fetched.contains("busybox-static"), "it is there");
  }

  @Test
  void shouldFetchASeriesFromItsSuiteBesideTheOther() throws ImageException, IOException {
    FakeSource source = new FakeSource("6.1.0-9");
    FakeSource backports = new FakeSource("6.12.9+deb12");
    source.suites.put("bookworm-backports", backports);
    GuestImage older = images(source).debian();
    GuestImage newer = images(source).debian(DebianKernel.DEBIAN_6_12);
    assertEquals("kernel 6.12.9+deb12", Files.readString(newer.kernel()));
    assertEquals(older.busybox(), newer.busybox());
    assertEquals(List.of("linux-image-6.12.9+deb12-cloud-amd64"), backports.fetched);
    FakeSource none = new FakeSource("5.10.0");
    assertEquals(newer, images(none).debian(DebianKernel.DEBIAN_6_12));
    assertEquals(older, images(none).debian(DebianKernel.DEBIAN_6_1));
    assertEquals(older, images(none).debian());
    assertEquals(List.of(), none.fetched);
  }

  @Test
  void shouldTakeASeriesFromTheMachinesOwnSourcesFirst() throws ImageException {
    FakeSource source = new FakeSource("6.12.9+deb13");
    source.suites.put("bookworm-backports", new FakeSource("6.12.9+deb12"));
    GuestImage image = images(source).debian(DebianKernel.DEBIAN_6_12);
    assertTrue(image.version().contains("deb13"), image.version());
  }

  @Test
  void shouldSayWhichSeriesIsToBeHadNowhere() {
    String message =
        String.valueOf(
            assertThrows(
                    ImageException.class,
                    () -> images(new FakeSource("6.1.0-9")).debian(DebianKernel.DEBIAN_6_12))
                .getMessage());
    assertTrue(message.contains("6.12") && message.contains("--kernel"), message);
  }

  @ParameterizedTest
  @CsvSource({"debian-6.1, DEBIAN_6_1", "debian-6.12, DEBIAN_6_12", "debian-6, ", "bzImage, "})
  void shouldKnowTheSeriesByName(String label, @Nullable DebianKernel expected) {
    assertEquals(Optional.ofNullable(expected), DebianKernel.of(label));
  }

  @Test
  void shouldKeepNothingOfAPackageWhoseChecksumIsWrong() throws IOException {
    FakeSource source = new FakeSource("6.1.0-9");
    byte[] kernel = source.files.getOrDefault("linux-image-6.1.0-9-cloud-amd64", new byte[0]);
    kernel[kernel.length - 1] ^= 1;
    ImageException refusal = assertThrows(ImageException.class, () -> images(source).debian());
    assertTrue(String.valueOf(refusal.getMessage()).contains("SHA-256"), refusal.getMessage());
    try (Stream<Path> left = Files.list(folder.resolve("cache"))) {
      assertEquals(List.of("lock"), left.map(path -> path.getFileName().toString()).toList());
    }
  }

  @Test
  void shouldSayWhatToDoWhenThereIsNoSource() {
    GuestImages images = new GuestImages(folder, Progress.NONE, Optional.empty());
    String message =
        String.valueOf(assertThrows(ImageException.class, images::debian).getMessage());
    assertTrue(message.contains("--kernel") && message.contains("REDOUBT_DEBIAN_MIRROR"), message);
  }

  @Test
  void shouldFetchAgainWhenTheCacheIsDamaged() throws ImageException, IOException {
    FakeSource source = new FakeSource("6.1.0-9");
    images(source).debian();
    Files.writeString(folder.resolve("cache/current.properties"), "kernel=\\u12");
    images(source).debian();
    Files.delete(images(source).debian().busybox());
    ImageException incomplete = assertThrows(ImageException.class, () -> images(source).debian());
    assertTrue(String.valueOf(incomplete.getMessage()).contains("busybox"));
  }

  @Test
  void shouldFetchFromAMirrorAndCheckItsIndex()
      throws IOException, ImageException, InterruptedException {
    FakeSource source = new FakeSource("6.1.0-9");
    StringBuilder index = new StringBuilder();
    for (DebPackage one : source.packages.values()) {
      index.append(
          "Package: %s\nVersion: %s\nDepends: %s\nFilename: %s\nSize: %d\nSHA256: %s\n\n"
              .formatted(
                  one.name(),
                  one.version(),
                  String.join(", ", one.depends()),
                  one.filename(),
                  one.size(),
                  one.sha256()));
    }
    byte[] packages = FakeMirror.xz(index.toString());
    Map<String, byte[]> web = new HashMap<>();
    source
        .packages
        .values()
        .forEach(one -> web.put("/debian/" + one.filename(), source.files.get(one.name())));
    web.put("/debian/dists/bookworm/main/binary-amd64/Packages.xz", packages);
    web.put(
        "/debian/dists/bookworm/Release",
        "SHA256:\n %s 12 main/binary-amd64/Packages.xz\n"
            .formatted(Checksums.sha256(packages))
            .getBytes(StandardCharsets.UTF_8));
    try (FakeMirror mirror = new FakeMirror(web)) {
      GuestImage image = images(new MirrorSource(mirror.root())).debian();
      assertEquals("kernel 6.1.0-9", Files.readString(image.kernel()));
      PackageSource suite = new MirrorSource(mirror.root()).suite("bookworm-backports");
      assertThrows(ImageException.class, () -> suite.find("busybox-static"), "not there yet");
      for (String file : List.of("Release", "main/binary-amd64/Packages.xz")) {
        byte[] same = web.getOrDefault("/debian/dists/bookworm/" + file, new byte[0]);
        web.put("/debian/dists/bookworm-backports/" + file, same);
      }
      assertTrue(suite.find("busybox-static").isPresent());
      web.put("/debian/dists/bookworm/Release", "SHA256:\n".getBytes(StandardCharsets.UTF_8));
      assertThrows(
          ImageException.class, () -> new MirrorSource(mirror.root()).find("busybox-static"));
      web.remove("/debian/dists/bookworm/Release");
      assertThrows(
          ImageException.class, () -> new MirrorSource(mirror.root()).find("busybox-static"));
    }
  }

  /** A web server on the loopback. */
  private static final class FakeMirror implements AutoCloseable {
    private final HttpServer server;

    FakeMirror(Map<String, byte[]> files) throws IOException {
      server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
      server.createContext(
          "/",
          exchange -> {
            byte[] body = files.get(exchange.getRequestURI().getPath());
            exchange.sendResponseHeaders(body == null ? 404 : 200, body == null ? -1 : body.length);
            if (body != null) {
              exchange.getResponseBody().write(body);
            }
            exchange.close();
          });
      server.start();
    }

    URI root() {
      return URI.create("http://localhost:" + server.getAddress().getPort() + "/debian");
    }

    static byte[] xz(String text) throws IOException {
      var out = new java.io.ByteArrayOutputStream();
      try (var xz = new org.tukaani.xz.XZOutputStream(out, new org.tukaani.xz.LZMA2Options(0))) {
        xz.write(text.getBytes(StandardCharsets.UTF_8));
      }
      return out.toByteArray();
    }

    @Override
    public void close() {
      server.stop(0);
    }
  }

  @Test
  void shouldBuildEqualArchivesAndStoreThemOnce() throws ImageException {
    GuestImages images = images(new FakeSource("6.1.0-9"));
    GuestImage image = images.debian();
    byte[] one = Initramfs.of(image).file("etc/motd", new byte[] {'x'}).build();
    byte[] two = Initramfs.of(image).file("etc/motd", new byte[] {'x'}).build();
    assertArrayEquals(one, two);
    assertEquals(images.store(one), images.store(two));
    assertFalse(java.util.Arrays.equals(one, Initramfs.of(image).build()));
  }

  @Test
  void shouldListModulesAfterWhatTheyNeed() throws ImageException {
    GuestImage image = images(new FakeSource("6.1.0-9")).debian();
    assertEquals(
        List.of("b_c", "a"),
        KernelModule.closure(image.modules(), List.of("virtio_pci", "a", "b-c")).stream()
            .map(KernelModule::name)
            .toList());
    String archive =
        new String(
            Initramfs.of(image).modules(image, List.of("a")).build(), StandardCharsets.ISO_8859_1);
    assertTrue(archive.contains("/lib/modules/b_c.ko\n/lib/modules/a.ko\n"));
    assertThrows(ImageException.class, () -> Initramfs.of(image).modules(image, List.of("none")));
  }

  @Test
  void shouldLookForTheSecretWhereTheLoaderPutsIt() throws ImageException {
    GuestImage image = images(new FakeSource("6.1.0-9")).debian();
    String archive = new String(Initramfs.of(image).build(), StandardCharsets.ISO_8859_1);
    assertTrue(archive.contains("= 0x%x ]".formatted(SetupData.TYPE_SECRET)));
  }

  @Test
  void shouldFetchDebiansKernel() throws IOException, ImageException, LinuxBootException {
    GuestImage image = TestImages.debian();
    assertTrue(Initramfs.of(image).modules(image, List.of("virtio_blk")).build().length > 1 << 20);
    LinuxImage kernel =
        LinuxImage.parse(
            java.lang.foreign.MemorySegment.ofArray(Files.readAllBytes(image.kernel())));
    assertTrue(kernel.version().contains("-cloud-amd64"), kernel.version());
  }
}
