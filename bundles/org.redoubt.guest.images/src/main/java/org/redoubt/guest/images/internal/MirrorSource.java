package org.redoubt.guest.images.internal;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.redoubt.guest.images.ImageException;
import org.redoubt.guest.images.Progress;
import org.tukaani.xz.XZInputStream;

/**
 * A Debian mirror that the user names, for machines without apt. The index is checked against the
 * suite's Release file, and that against nothing but the connection: name an https mirror that you
 * trust.
 */
public final class MirrorSource implements PackageSource {
  private static final String DEFAULT_SUITE = "bookworm";
  private static final String INDEX = "main/binary-amd64/Packages.xz";
  private static final int LARGEST_INDEX = 64 << 20;

  private final String root;
  private final String suite;
  private final HttpClient client =
      HttpClient.newBuilder()
          .followRedirects(HttpClient.Redirect.NORMAL)
          .connectTimeout(Duration.ofSeconds(30))
          .build();
  private final Map<String, DebPackage> packages = new HashMap<>();

  /** Makes a source from the mirror's root, the folder that has {@code dists} and {@code pool}. */
  public MirrorSource(URI root) {
    this(root.toString().replaceFirst("/*$", "/"), DEFAULT_SUITE);
  }

  private MirrorSource(String root, String suite) {
    this.root = root;
    this.suite = "dists/" + suite + "/";
  }

  @Override
  public PackageSource suite(String name) {
    return new MirrorSource(root, name);
  }

  @Override
  public Optional<DebPackage> find(String name)
      throws IOException, InterruptedException, ImageException {
    if (packages.isEmpty()) {
      readIndex();
    }
    return Optional.ofNullable(packages.get(name));
  }

  private void readIndex() throws IOException, InterruptedException, ImageException {
    String release = new String(get(suite + "Release"), StandardCharsets.UTF_8);
    byte[] index = get(suite + INDEX);
    String sha256 = Checksums.sha256(index);
    boolean listed =
        release
            .lines()
            .map(String::strip)
            .anyMatch(line -> line.startsWith(sha256 + " ") && line.endsWith(" " + INDEX));
    if (!listed) {
      throw new ImageException(
          "The package index of %s does not match its Release file.".formatted(root));
    }
    String text;
    try (InputStream in = new XZInputStream(new ByteArrayInputStream(index))) {
      text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
    for (String paragraph : text.split("\n\n")) {
      DebPackage.parse(paragraph).ifPresent(found -> packages.put(found.name(), found));
    }
  }

  private HttpResponse<InputStream> open(String path)
      throws IOException, InterruptedException, ImageException {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(root + path)).timeout(Duration.ofMinutes(10)).build();
    HttpResponse<InputStream> response =
        client.send(request, HttpResponse.BodyHandlers.ofInputStream());
    if (response.statusCode() != 200) {
      response.body().close();
      throw new ImageException(
          "The mirror answers %d for %s%s.".formatted(response.statusCode(), root, path));
    }
    return response;
  }

  private byte[] get(String path) throws IOException, InterruptedException, ImageException {
    try (InputStream in = open(path).body()) {
      byte[] bytes = in.readNBytes(LARGEST_INDEX + 1);
      if (bytes.length > LARGEST_INDEX) {
        throw new ImageException(
            "%s%s is larger than %d bytes.".formatted(root, path, LARGEST_INDEX));
      }
      return bytes;
    }
  }

  @Override
  public Path fetch(DebPackage wanted, Path folder, Progress progress)
      throws IOException, InterruptedException, ImageException {
    Path file = folder.resolve(wanted.label() + ".deb");
    String what = "Fetching " + wanted.name();
    try (InputStream in = open(wanted.filename()).body();
        OutputStream out = Files.newOutputStream(file)) {
      byte[] buffer = new byte[1 << 16];
      long done = 0;
      for (int n = in.read(buffer); n >= 0 && done <= wanted.size(); n = in.read(buffer)) {
        out.write(buffer, 0, n);
        done += n;
        progress.at(what, done, wanted.size());
      }
    }
    return file;
  }
}
