package org.redoubt.guest.images;

import java.io.IOException;
import java.net.URI;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.redoubt.guest.images.internal.AptSource;
import org.redoubt.guest.images.internal.Checksums;
import org.redoubt.guest.images.internal.DebFile;
import org.redoubt.guest.images.internal.DebPackage;
import org.redoubt.guest.images.internal.MirrorSource;
import org.redoubt.guest.images.internal.PackageSource;

/**
 * A cache folder with guest kernels from Debian's own packages. What is there is used without
 * asking the network; what is not is fetched with the machine's apt, or from the mirror that the
 * variable {@code REDOUBT_DEBIAN_MIRROR} names, checked against the index's SHA-256, and unpacked
 * without root. Thread-safe, and safe beside other processes.
 *
 * <pre>
 *   lock, current.properties      which packages are in use
 *   PACKAGE_VERSION/              a package's files; complete, since it is moved here whole
 *   initrd/SHA256.cpio            initial RAM disks
 *   apt/                          package lists, where the machine has none
 * </pre>
 */
public final class GuestImages {
  private static final String KERNEL_META_PACKAGE = "linux-image-cloud-amd64";
  private static final String BUSYBOX_PACKAGE = "busybox-static";
  private static final String MIRROR_VARIABLE = "REDOUBT_DEBIAN_MIRROR";
  private static final String KERNEL_KEY = "kernel";
  private static final String BUSYBOX_KEY = "busybox";
  private static final Object IN_PROCESS = new Object();

  private final Path cache;
  private final Progress progress;
  private final Optional<PackageSource> source;

  /**
   * With the sources this machine has.
   *
   * @param cache the cache folder; made when needed
   * @param progress hears of fetching and unpacking
   */
  public GuestImages(Path cache, Progress progress) {
    this(cache, progress, source(cache));
  }

  GuestImages(Path cache, Progress progress, Optional<PackageSource> source) {
    this.cache = cache;
    this.progress = progress;
    this.source = source;
  }

  /** {@code $XDG_CACHE_HOME/redoubt}, or {@code ~/.cache/redoubt}. */
  public static Path defaultCache() {
    String xdg = System.getenv("XDG_CACHE_HOME");
    return xdg != null && Path.of(xdg).isAbsolute()
        ? Path.of(xdg, "redoubt")
        : Path.of(System.getProperty("user.home"), ".cache", "redoubt");
  }

  private static Optional<PackageSource> source(Path cache) {
    String mirror = System.getenv(MIRROR_VARIABLE);
    if (mirror != null && !mirror.isBlank()) {
      return Optional.of(new MirrorSource(URI.create(mirror.strip())));
    }
    return AptSource.available()
        ? Optional.of(new AptSource(cache.resolve("apt")))
        : Optional.empty();
  }

  /**
   * Debian's cloud kernel and a static busybox: from the cache, else fetched.
   *
   * @throws ImageException if they can be had from nowhere; says why, and what the user can do
   */
  public GuestImage debian() throws ImageException {
    return locked(() -> {
      Properties current = current();
      Optional<GuestImage> cached = image(current.getProperty(KERNEL_KEY, ""), current);
      return cached.isPresent() ? cached.get() : fetch();
    });
  }

  /**
   * A kernel of a series, and a static busybox: from the cache, else from the machine's sources,
   * else from the series' suite.
   *
   * @throws ImageException as {@link #debian()}
   */
  public GuestImage debian(DebianKernel series) throws ImageException {
    return locked(() -> {
      Properties current = current();
      for (String key : List.of(key(series), KERNEL_KEY)) {
        String label = current.getProperty(key, "");
        Optional<GuestImage> cached = series.has(label) ? image(label, current) : Optional.empty();
        if (cached.isPresent()) {
          return cached.get();
        }
      }
      return fetch(series);
    });
  }

  private static String key(DebianKernel series) {
    return KERNEL_KEY + "." + series.series();
  }

  /**
   * The newest of both, whether or not older ones are in the cache.
   *
   * @throws ImageException as {@link #debian()}
   */
  public GuestImage update() throws ImageException {
    return locked(this::fetch);
  }

  /**
   * Puts an initial RAM disk into the cache, under its checksum.
   *
   * @return its file
   */
  public Path store(byte[] initrd) throws ImageException {
    return locked(() -> {
      Path file = cache.resolve("initrd").resolve(Checksums.sha256(initrd) + ".cpio");
      if (!Files.exists(file)) {
        Files.createDirectories(cache.resolve("initrd"));
        Path temporary = Files.createTempFile(cache, "initrd", ".tmp");
        Files.write(temporary, initrd);
        Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
      }
      return file;
    });
  }

  /** A job that may fail as everything here may. */
  @FunctionalInterface
  private interface Job<T> {
    T run() throws IOException, InterruptedException, ImageException;
  }

  private <T> T locked(Job<T> job) throws ImageException {
    synchronized (IN_PROCESS) {
      try {
        Files.createDirectories(cache);
        try (FileChannel channel =
                FileChannel.open(
                    cache.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            FileLock lock = channel.lock()) {
          return job.run();
        }
      } catch (IOException e) {
        throw new ImageException("The image cache %s cannot be used: %s".formatted(cache, e), e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new ImageException("Interrupted while fetching a guest kernel.", e);
      }
    }
  }

  private Path currentFile() {
    return cache.resolve("current.properties");
  }

  /** Which packages are in use. */
  private Properties current() throws IOException {
    Properties current = new Properties();
    if (Files.exists(currentFile())) {
      try (var in = Files.newBufferedReader(currentFile())) {
        current.load(in);
      } catch (IllegalArgumentException e) {
        return new Properties(); // a damaged file: fetch again
      }
    }
    return current;
  }

  private Optional<GuestImage> image(String kernelLabel, Properties current) throws IOException {
    return image(kernelLabel, current.getProperty(BUSYBOX_KEY, ""));
  }

  /** The image made of two unpacked packages, if they are there. */
  private Optional<GuestImage> image(String kernelLabel, String busyboxLabel) throws IOException {
    if (kernelLabel.isEmpty() || busyboxLabel.isEmpty()) {
      return Optional.empty();
    }
    Path kernelRoot = cache.resolve(kernelLabel);
    Path busyboxRoot = cache.resolve(busyboxLabel);
    Optional<Path> kernel = first(kernelRoot, path -> name(path).startsWith("vmlinuz-"));
    Optional<Path> modules =
        first(
            kernelRoot,
            path ->
                Files.isDirectory(path)
                    && name(path.resolveSibling(".").normalize()).equals("modules"));
    Optional<Path> busybox =
        first(busyboxRoot, path -> name(path).equals("busybox") && Files.isRegularFile(path));
    if (kernel.isEmpty() || modules.isEmpty() || busybox.isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(new GuestImage(kernelLabel, kernel.get(), modules.get(), busybox.get()));
  }

  private static String name(Path path) {
    return String.valueOf(path.getFileName());
  }

  private static Optional<Path> first(Path root, Predicate<Path> wanted) throws IOException {
    if (!Files.isDirectory(root)) {
      return Optional.empty();
    }
    try (Stream<Path> all = Files.walk(root, 5)) {
      return all.filter(wanted).sorted().findFirst();
    }
  }

  private PackageSource source() throws ImageException {
    return source.orElseThrow(() ->
        new ImageException(
            "There is no guest kernel yet: this machine has no apt-get and %s is not set; give --kernel and --initrd."
                .formatted(MIRROR_VARIABLE)));
  }

  private GuestImage fetch() throws IOException, InterruptedException, ImageException {
    PackageSource from = source();
    return fetch(from, from, kernelName(find(from, KERNEL_META_PACKAGE)), KERNEL_KEY);
  }

  private GuestImage fetch(DebianKernel series)
      throws IOException, InterruptedException, ImageException {
    PackageSource from = source();
    for (PackageSource place : List.of(from, from.suite(series.suite()))) {
      Optional<DebPackage> meta = place.find(KERNEL_META_PACKAGE);
      if (meta.isPresent() && series.has(kernelName(meta.get()))) {
        return fetch(from, place, kernelName(meta.get()), key(series));
      }
    }
    throw new ImageException(
        "Neither this machine's sources nor %s have a cloud kernel %s; give --kernel and --initrd, or set %s."
            .formatted(series.suite(), series.series(), MIRROR_VARIABLE));
  }

  private static String kernelName(DebPackage meta) throws ImageException {
    return meta.depends().stream()
        .filter(name -> name.startsWith("linux-image-"))
        .findFirst()
        .orElseThrow(() -> new ImageException("%s depends on no kernel.".formatted(meta.name())));
  }

  /**
   * Fetches a kernel and a busybox, and notes them.
   *
   * @param from has busybox
   * @param kernels has the kernel
   * @param key what the kernel is noted under
   */
  private GuestImage fetch(PackageSource from, PackageSource kernels, String kernelName, String key)
      throws IOException, InterruptedException, ImageException {
    DebPackage kernel = find(kernels, kernelName);
    DebPackage busybox = find(from, BUSYBOX_PACKAGE);
    install(
        kernels, kernel, path -> path.matches("boot/(vmlinuz|config)-.*|(usr/)?lib/modules/.*"));
    install(from, busybox, path -> path.matches("(usr/)?bin/busybox"));
    GuestImage image =
        image(kernel.label(), busybox.label())
            .orElseThrow(() ->
                new ImageException(
                    "%s and %s do not hold a kernel, its modules and busybox."
                        .formatted(kernel.label(), busybox.label())));
    Properties current = current();
    current.setProperty(key, kernel.label());
    current.setProperty(BUSYBOX_KEY, busybox.label());
    Path temporary = Files.createTempFile(cache, "current", ".tmp");
    try (var out = Files.newBufferedWriter(temporary)) {
      current.store(out, "the packages in use");
    }
    Files.move(temporary, currentFile(), StandardCopyOption.ATOMIC_MOVE);
    return image;
  }

  private static DebPackage find(PackageSource from, String name)
      throws IOException, InterruptedException, ImageException {
    return from.find(name)
        .orElseThrow(() ->
            new ImageException(
                "The package %s is not to be had here; give --kernel and --initrd, or set %s."
                    .formatted(name, MIRROR_VARIABLE)));
  }

  /** Fetches, checks and unpacks one package, unless it is there. */
  private void install(PackageSource from, DebPackage wanted, Predicate<String> files)
      throws IOException, InterruptedException, ImageException {
    Path home = cache.resolve(wanted.label());
    if (Files.isDirectory(home)) {
      return;
    }
    Path temporary = Files.createTempDirectory(cache, "fetch");
    try {
      Path download = Files.createDirectory(temporary.resolve("download"));
      Path deb = from.fetch(wanted, download, progress);
      String sha256 = Checksums.sha256(deb);
      if (Files.size(deb) != wanted.size() || !sha256.equals(wanted.sha256())) {
        throw new ImageException(
            "The file fetched for %s has SHA-256 %s, its index says %s."
                .formatted(wanted.label(), sha256, wanted.sha256()));
      }
      Path root = Files.createDirectory(temporary.resolve("root"));
      DebFile.unpack(deb, files, root, "Unpacking " + wanted.name(), progress);
      Files.move(root, home, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      deleteAll(temporary);
    }
  }

  private static void deleteAll(Path root) throws IOException {
    List<Path> all;
    try (Stream<Path> walk = Files.walk(root)) {
      all = walk.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path path : all) {
      Files.delete(path);
    }
  }
}
