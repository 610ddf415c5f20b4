package org.redoubt.itests.container;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Optional;
import java.util.function.BiFunction;
import org.junit.jupiter.engine.JupiterTestEngine;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.Launcher;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.core.LauncherConfig;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;
import org.junit.platform.launcher.listeners.TestExecutionSummary;
import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;
import org.osgi.framework.FrameworkUtil;

/**
 * The far end of {@link InsideRedoubt}: a bundle that runs single tests. Only types of the JDK
 * cross the border, through a system property.
 */
public final class Probe implements BundleActivator {
  /** Name of the property that holds the function which runs a test. */
  static final String RENDEZVOUS = "redoubt.itests.probe";

  /** Whether this class was loaded by the framework. */
  static boolean isInside() {
    return FrameworkUtil.getBundle(Probe.class) != null;
  }

  @Override
  public void start(BundleContext context) {
    BiFunction<String, String, Optional<Throwable>> run = Probe::run;
    System.getProperties().put(RENDEZVOUS, run);
  }

  @Override
  public void stop(BundleContext context) {
    System.getProperties().remove(RENDEZVOUS);
  }

  private static Optional<Throwable> run(String type, String uniqueId) {
    Thread thread = Thread.currentThread();
    ClassLoader outer = thread.getContextClassLoader();
    thread.setContextClassLoader(Probe.class.getClassLoader());
    try {
      LauncherConfig config =
          LauncherConfig.builder()
              .enableTestEngineAutoRegistration(false)
              .enableTestExecutionListenerAutoRegistration(false)
              .enableLauncherSessionListenerAutoRegistration(false)
              .enableLauncherDiscoveryListenerAutoRegistration(false)
              .enablePostDiscoveryFilterAutoRegistration(false)
              .addTestEngines(new JupiterTestEngine())
              .build();
      Launcher launcher = LauncherFactory.create(config);
      SummaryGeneratingListener listener = new SummaryGeneratingListener();
      LauncherDiscoveryRequest request =
          LauncherDiscoveryRequestBuilder.request()
              .selectors(DiscoverySelectors.selectUniqueId(uniqueId))
              .build();
      launcher.execute(request, listener);
      return outcome(type + " " + uniqueId, listener.getSummary());
    } finally {
      thread.setContextClassLoader(outer);
    }
  }

  private static Optional<Throwable> outcome(String test, TestExecutionSummary summary) {
    if (!summary.getFailures().isEmpty()) {
      return Optional.of(summary.getFailures().getFirst().getException());
    }
    if (summary.getTestsSucceededCount() != 1) {
      StringWriter text = new StringWriter();
      summary.printTo(new PrintWriter(text));
      return Optional.of(new AssertionError("Not run inside: " + test + text));
    }
    return Optional.empty();
  }
}
