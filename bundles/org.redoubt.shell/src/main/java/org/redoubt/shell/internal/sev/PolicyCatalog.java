package org.redoubt.shell.internal.sev;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Enumeration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ReferencePolicy;
import org.osgi.service.component.runtime.ServiceComponentRuntime;
import org.osgi.service.component.runtime.dto.ComponentDescriptionDTO;
import org.redoubt.api.policy.FirmwarePolicy;

/**
 * The policies there are: those in force, which are services, and those that wait for a
 * configuration, which are components of any bundle that offer such a service.
 */
@Component(service = PolicyCatalog.class)
public final class PolicyCatalog {
  private static final Pattern ATTRIBUTE = Pattern.compile("<AD id=\"([^\"]+)\"[^>]*>");
  private static final Pattern DEFAULT = Pattern.compile(" default=\"([^\"]*)\"");

  private final BundleContext context;
  private final ServiceComponentRuntime components;
  private final Map<FirmwarePolicy, Map<String, ?>> inForce = new ConcurrentHashMap<>();

  /** Made by SCR. */
  @Activate
  public PolicyCatalog(BundleContext context, @Reference ServiceComponentRuntime components) {
    this.context = context;
    this.components = components;
  }

  @Reference(
      cardinality = ReferenceCardinality.MULTIPLE,
      policy = ReferencePolicy.DYNAMIC,
      unbind = "remove")
  void add(FirmwarePolicy policy, Map<String, ?> properties) {
    inForce.put(policy, Map.copyOf(properties));
  }

  void remove(FirmwarePolicy policy) {
    inForce.remove(policy);
  }

  /**
   * One policy.
   *
   * @param name its stable name
   * @param bundle who brings it
   * @param pid where its configuration is; empty: it has none, and is in force while its bundle is
   * @param inForce whether it is asked now
   * @param settings what can be configured, with the values in force or, if it is not, by default
   */
  record Entry(
      String name,
      String bundle,
      Optional<String> pid,
      boolean inForce,
      Map<String, String> settings) {}

  List<Entry> entries() {
    List<Entry> out = new ArrayList<>();
    for (ComponentDescriptionDTO c : components.getComponentDescriptionDTOs()) {
      if (List.of(c.serviceInterfaces).contains(FirmwarePolicy.class.getName())) {
        out.add(entry(c));
      }
    }
    for (Map<String, ?> p : inForce.values()) {
      if (out.stream().noneMatch(e -> e.name.equals(name(p)))) {
        out.add(new Entry(name(p), bundle(p), Optional.empty(), true, Map.of()));
      }
    }
    out.sort(Comparator.comparing(Entry::name));
    return out;
  }

  private Entry entry(ComponentDescriptionDTO c) {
    String name = String.valueOf(c.properties.get(FirmwarePolicy.POLICY_NAME));
    Optional<Map<String, ?>> service =
        inForce.values().stream()
            .filter(p -> name(p).equals(name))
            .<Map<String, ?>>map(p -> p)
            .findFirst();
    Map<String, String> settings = new TreeMap<>();
    defaults(c)
        .forEach((key, value) -> {
          Object now = service.<Object>map(p -> p.get(key)).orElse(value);
          settings.put(key, text(now));
        });
    boolean configured = "require".equals(c.configurationPolicy);
    return new Entry(
        name,
        c.bundle.symbolicName,
        configured ? Optional.of(c.configurationPid[0]) : Optional.empty(),
        service.isPresent(),
        settings);
  }

  /** What Metatype says can be configured, with the defaults. */
  private Map<String, String> defaults(ComponentDescriptionDTO c) {
    Map<String, String> out = new TreeMap<>();
    Bundle bundle = context.getBundle(c.bundle.id);
    Enumeration<URL> files =
        bundle == null ? null : bundle.findEntries("OSGI-INF/metatype", "*.xml", false);
    while (files != null && files.hasMoreElements()) {
      String xml = read(files.nextElement());
      if (xml.contains("<Designate pid=\"" + c.configurationPid[0] + "\"")) {
        Matcher attribute = ATTRIBUTE.matcher(xml);
        while (attribute.find()) {
          Matcher value = DEFAULT.matcher(attribute.group());
          out.put(attribute.group(1), value.find() ? value.group(1) : "");
        }
      }
    }
    return out;
  }

  private static String read(URL file) {
    try (InputStream in = file.openStream()) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      return ""; // the bundle goes
    }
  }

  /** The policy of that name. */
  Optional<Entry> find(String name) {
    return entries().stream().filter(e -> e.name.equals(name)).findFirst();
  }

  private static String name(Map<String, ?> properties) {
    return String.valueOf(properties.get(FirmwarePolicy.POLICY_NAME));
  }

  private static String bundle(Map<String, ?> properties) {
    return "bundle " + properties.get("service.bundleid");
  }

  private static String text(Object value) {
    return value instanceof Object[] array
        ? String.join(",", java.util.Arrays.stream(array).map(String::valueOf).toList())
        : String.valueOf(value);
  }
}
