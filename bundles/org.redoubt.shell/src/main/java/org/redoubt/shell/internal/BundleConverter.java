package org.redoubt.shell.internal;

import org.apache.felix.service.command.Converter;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/**
 * Lets Gogo commands such as {@code felix:stop} take a bundle by its number or symbolic name, and
 * shows a bundle in one line.
 */
@Component(property = Converter.CONVERTER_CLASSES + "=org.osgi.framework.Bundle")
public final class BundleConverter implements Converter {
  private final BundleContext context;

  /** Made by SCR. */
  @Activate
  public BundleConverter(BundleContext context) {
    this.context = context;
  }

  @Override
  public @Nullable Object convert(Class<?> type, Object source) {
    if (type != Bundle.class) {
      return null;
    }
    String text = source.toString();
    for (Bundle bundle : context.getBundles()) {
      if (text.equals(Long.toString(bundle.getBundleId()))
          || text.equals(bundle.getSymbolicName())) {
        return bundle;
      }
    }
    return null;
  }

  @Override
  public @Nullable CharSequence format(Object source, int level, Converter escape) {
    return source instanceof Bundle bundle
        ? "%d %s %s".formatted(bundle.getBundleId(), bundle.getSymbolicName(), bundle.getVersion())
        : null;
  }
}
