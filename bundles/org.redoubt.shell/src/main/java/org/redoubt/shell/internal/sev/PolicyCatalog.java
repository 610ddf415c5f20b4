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
      updated = "add",
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
   * @param pid where its configuration is; empty: it has none
   * @param waits whether it is in force with a configuration only; else while its bundle is
   * @param inForce whether it is asked now
   * @param mistake what it says is wrong with its configuration, while it is in force
   * @param settings what can be configured, by name
   */
  record Entry(
      String name,
      String bundle,
      Optional<String> pid,
      boolean waits,
      boolean inForce,
      Optional<String> mistake,
      Map<String, PolicySetting> settings) {}

  List<Entry> entries() {
    List<Entry> out = new ArrayList<>();
    for (ComponentDescriptionDTO c : components.getComponentDescriptionDTOs()) {
      if (List.of(c.serviceInterfaces).contains(FirmwarePolicy.class.getName())) {
        out.add(entry(c));
      }
    }
    for (Map<String, ?> p : inForce.values()) {
      if (out.stream().noneMatch(e -> e.name.equals(name(p)))) {
        out.add(
            new Entry(
                name(p), bundle(p), Optional.empty(), false, true, Optional.empty(), Map.of()));
      }
    }
    out.sort(Comparator.comparing(Entry::name));
    return out;
  }

  private Entry entry(ComponentDescriptionDTO c) {
    String name = String.valueOf(c.properties.get(FirmwarePolicy.POLICY_NAME));
    Optional<Map.Entry<FirmwarePolicy, Map<String, ?>>> service =
        inForce.entrySet().stream().filter(p -> name(p.getValue()).equals(name)).findFirst();
    Map<String, PolicySetting> settings = metatype(c);
    service.ifPresent(s ->
        settings.replaceAll((key, setting) -> {
          Object now = s.getValue().get(key);
          return now == null ? setting : setting.with(text(now));
        }));
    boolean waits = "require".equals(c.configurationPolicy);
    return new Entry(
        name,
        c.bundle.symbolicName,
        waits || !settings.isEmpty() ? Optional.of(c.configurationPid[0]) : Optional.empty(),
        waits,
        service.isPresent(),
        service.flatMap(s -> mistake(s.getKey())),
        settings);
  }

  private static Optional<String> mistake(FirmwarePolicy policy) {
    try {
      return policy.mistake();
    } catch (RuntimeException e) { // a plug-in's
      return Optional.of("it failed with " + e);
    }
  }

  /** What Metatype says can be configured, with the defaults. */
  private Map<String, PolicySetting> metatype(ComponentDescriptionDTO c) {
    Map<String, PolicySetting> out = new TreeMap<>();
    Bundle bundle = context.getBundle(c.bundle.id);
    Enumeration<URL> files =
        bundle == null ? null : bundle.findEntries("OSGI-INF/metatype", "*.xml", false);
    while (files != null && files.hasMoreElements()) {
      String xml = read(files.nextElement());
      if (xml.contains("<Designate pid=\"" + c.configurationPid[0] + "\"")) {
        out.putAll(PolicySetting.parse(xml));
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
