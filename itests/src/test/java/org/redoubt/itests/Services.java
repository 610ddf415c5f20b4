package org.redoubt.itests;

import java.time.Duration;
import java.util.function.BooleanSupplier;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.FrameworkUtil;
import org.osgi.util.tracker.ServiceTracker;

/** What tests inside the container need of OSGi. */
final class Services {
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private Services() {}

  static BundleContext context() {
    Bundle probe = FrameworkUtil.getBundle(Services.class);
    return probe.getBundleContext();
  }

  /** The best service of a type, waited for. */
  static <T> T get(Class<T> type) {
    ServiceTracker<T, T> tracker = new ServiceTracker<>(context(), type, null);
    tracker.open();
    try {
      T service = tracker.waitForService(PATIENCE.toMillis());
      if (service == null) {
        throw new AssertionError("No service " + type.getName());
      }
      return service;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    } finally {
      tracker.close();
    }
  }

  /** An installed bundle by its symbolic name. */
  static Bundle bundle(String symbolicName) {
    for (Bundle bundle : context().getBundles()) {
      if (symbolicName.equals(bundle.getSymbolicName())) {
        return bundle;
      }
    }
    throw new AssertionError("No bundle " + symbolicName);
  }

  /** Waits until something holds. */
  static void await(String what, BooleanSupplier condition) throws InterruptedException {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() - end > 0) {
        throw new AssertionError("Not within " + PATIENCE + ": " + what);
      }
      Thread.sleep(5);
    }
  }
}
