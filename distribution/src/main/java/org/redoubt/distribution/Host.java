package org.redoubt.distribution;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Hashtable;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.ToIntFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.felix.framework.FrameworkFactory;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.Constants;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.launch.Framework;
import org.osgi.framework.wiring.BundleRevision;
import org.osgi.service.cm.Configuration;
import org.osgi.service.cm.ConfigurationAdmin;
import org.osgi.service.feature.FeatureConfiguration;

/**
 * A running Felix framework. Its bundle cache is a folder of its own, gone when it closes, so that
 * any number can run side by side from one installation; bundles stay where they are.
 */
final class Host implements AutoCloseable {
  /**
   * Service property of the one who takes the command line: a {@code ToIntFunction<String[]>} that
   * gets the arguments and returns the exit status. Only types of the JDK cross this border.
   */
  static final String ENTRY = "redoubt.entry";

  private static final long STOP_SECONDS = 20;

  /** The requirement at the bottom of Felix's account of a bundle that does not resolve. */
  private static final Pattern MISSING =
      Pattern.compile(
          "missing requirement \\[[^]]*\\]\\([^)]*\\)\\] (.*?)(?: Unresolved requirements|\\]|$)");

  private final Framework framework;
  private final Path cache;
  private final Consumer<String> problems;

  private Host(Framework framework, Path cache, Consumer<String> problems) {
    this.framework = framework;
    this.cache = cache;
    this.problems = problems;
  }

  /**
   * Starts Felix and everything that a feature set names. A bundle that cannot be installed or
   * started is told to {@code problems}, and the others run.
   *
   * @throws IOException if there is no room for the bundle cache
   * @throws BundleException if the framework itself does not start
   */
  static Host start(Properties properties, FeatureSet features, Consumer<String> problems)
      throws IOException, BundleException {
    Path cache = Files.createTempDirectory("redoubt-felix-");
    Map<String, String> settings = new Hashtable<>();
    properties.stringPropertyNames().forEach(key -> settings.put(key, properties.getProperty(key)));
    settings.put(Constants.FRAMEWORK_STORAGE, cache.toString());
    // The launcher passes the features' configurations on, so it shares that package's classes; and
    // picocli's, because the JVM's archive keeps one class of a name: they need not be loaded
    // twice.
    settings.merge(
        Constants.FRAMEWORK_SYSTEMPACKAGES_EXTRA,
        "org.osgi.service.cm;version=1.6.1,picocli;version=4.7.7",
        (more, ours) -> ours + "," + more);
    Framework framework = new FrameworkFactory().newFramework(settings);
    Host host = new Host(framework, cache, problems);
    framework.start();
    host.startAll(features);
    return host;
  }

  private void startAll(FeatureSet features) {
    BundleContext context = framework.getBundleContext();
    List<Bundle> bundles = new ArrayList<>();
    for (Path jar : features.bundles()) {
      try {
        bundles.add(context.installBundle("reference:" + jar.toUri()));
      } catch (BundleException e) {
        problems.accept(
            "Bundle %s is damaged and was left out: %s".formatted(jar, Problems.oneLine(e)));
      }
    }
    boolean configured = false;
    for (Bundle bundle : bundles) {
      start(bundle);
      if (!configured) {
        configured = configure(context, features.configurations());
      }
    }
    if (!configured && !features.configurations().isEmpty()) {
      problems.accept("The features' configurations are left out: no ConfigurationAdmin runs");
    }
  }

  private void start(Bundle bundle) {
    BundleRevision revision = bundle.adapt(BundleRevision.class);
    if (revision != null && (revision.getTypes() & BundleRevision.TYPE_FRAGMENT) != 0) {
      return;
    }
    try {
      bundle.start(Bundle.START_ACTIVATION_POLICY);
    } catch (BundleException e) {
      problems.accept(
          "Bundle %s %s does not start: %s"
              .formatted(bundle.getSymbolicName(), bundle.getVersion(), reason(e)));
    }
  }

  private static String reason(BundleException failure) {
    Matcher missing = MISSING.matcher(Problems.oneLine(failure));
    return failure.getType() == BundleException.RESOLVE_ERROR && missing.find()
        ? "nothing provides " + missing.group(1)
        : Problems.oneLine(failure);
  }

  /** Returns whether ConfigurationAdmin was there. */
  private boolean configure(
      BundleContext context, Map<String, FeatureConfiguration> configurations) {
    ServiceReference<ConfigurationAdmin> reference =
        context.getServiceReference(ConfigurationAdmin.class);
    ConfigurationAdmin admin = reference == null ? null : context.getService(reference);
    if (admin == null) {
      return false;
    }
    for (FeatureConfiguration configuration : configurations.values()) {
      try {
        String pid = configuration.getPid();
        String factoryPid = configuration.getFactoryPid().orElse("");
        Configuration target =
            factoryPid.isEmpty()
                ? admin.getConfiguration(pid, "?")
                : admin.getFactoryConfiguration(
                    factoryPid, pid.substring(pid.indexOf('~') + 1), "?");
        target.update(new Hashtable<>(configuration.getValues()));
      } catch (IOException | RuntimeException e) {
        problems.accept(
            "Configuration %s is left out: %s"
                .formatted(configuration.getPid(), Problems.oneLine(e)));
      }
    }
    return true;
  }

  /**
   * Hands the arguments to the entry service and returns its exit status.
   *
   * @return the status; 1 when nobody takes the command line
   */
  @SuppressWarnings("unchecked") // the property promises String[]
  int run(String... arguments) {
    BundleContext context = framework.getBundleContext();
    ServiceReference<ToIntFunction<String[]>> entry;
    try {
      entry =
          context.getServiceReferences(ToIntFunction.class, "(" + ENTRY + "=*)").stream()
              .map(reference -> (ServiceReference<ToIntFunction<String[]>>) (Object) reference)
              .max(Comparator.naturalOrder())
              .orElse(null);
    } catch (InvalidSyntaxException e) {
      throw new IllegalStateException("bug: a filter that does not parse", e);
    }
    ToIntFunction<String[]> service = entry == null ? null : context.getService(entry);
    if (service == null) {
      problems.accept("Nobody takes the command line: the feature 'shell' does not run");
      return 1;
    }
    return service.applyAsInt(arguments);
  }

  /** Stops every bundle, waits for it, and removes the bundle cache. */
  @Override
  public void close() {
    try {
      framework.stop();
      framework.waitForStop(TimeUnit.SECONDS.toMillis(STOP_SECONDS));
    } catch (BundleException e) {
      problems.accept("The framework does not stop: " + Problems.oneLine(e));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    try (Stream<Path> files = Files.walk(cache)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      problems.accept("The bundle cache %s stays behind: %s".formatted(cache, e.getMessage()));
    }
  }
}
