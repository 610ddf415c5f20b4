package org.redoubt.itests;

import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.ServiceReference;

/** What tests inside the container need of OSGi. */
final class Services {
  private static final Duration PATIENCE = Duration.ofMinutes(5);

  private Services() {}

  static BundleContext context() {
    Bundle probe = FrameworkUtil.getBundle(Services.class);
    return probe.getBundleContext();
  }

  /** The best service of a type, waited for, and held until the test's bundle stops. */
  static <T> T get(Class<T> type) {
    await("a service " + type.getName(), () -> context().getServiceReference(type) != null);
    ServiceReference<T> reference = Objects.requireNonNull(context().getServiceReference(type));
    return Objects.requireNonNull(context().getService(reference));
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
  static void await(String what, BooleanSupplier condition) {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() - end > 0) {
        throw new AssertionError("Not within " + PATIENCE + ": " + what);
      }
      LockSupport.parkNanos(5_000_000);
    }
  }
}
