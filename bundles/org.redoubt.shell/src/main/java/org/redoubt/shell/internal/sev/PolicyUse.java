package org.redoubt.shell.internal.sev;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Dictionary;
import java.util.Hashtable;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.service.cm.Configuration;
import org.osgi.service.cm.ConfigurationAdmin;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.HypervisorException;
import org.redoubt.shell.internal.ShellCommand;
import org.redoubt.shell.internal.UsageException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code policy:use}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=policy", "osgi.command.function=use"})
public final class PolicyUse extends ShellCommand {
  private static final long PATIENCE_NS = TimeUnit.SECONDS.toNanos(10);

  private final PolicyCatalog catalog;
  private final ConfigurationAdmin admin;

  /** Made by SCR. */
  @Activate
  public PolicyUse(@Reference PolicyCatalog catalog, @Reference ConfigurationAdmin admin) {
    this.catalog = catalog;
    this.admin = admin;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Override
  protected List<String> suggestions(CommandSession session, List<String> words) {
    return words.size() == 2
        ? catalog.entries().stream().map(PolicyCatalog.Entry::name).toList()
        : List.of();
  }

  @Command(
      name = "policy:use",
      description =
          "Puts a firmware policy in force, with settings; the next command is asked. --off ends"
              + " it.")
  private final class Arguments implements Invocation {
    @Parameters(index = "0", paramLabel = "NAME", description = "As policy:list has it.")
    private String name = "";

    @Parameters(index = "1..*", paramLabel = "KEY=VALUE", description = "Settings.")
    private List<String> settings = new ArrayList<>();

    @Option(names = "--off", description = "Puts it out of force.")
    private boolean off;

    @Override
    public int run(Io io)
        throws IOException, HypervisorException, UsageException, InterruptedException {
      PolicyCatalog.Entry entry =
          catalog
              .find(name)
              .orElseThrow(() ->
                  new HypervisorException(
                      "No policy is called '%s'; there are: %s"
                          .formatted(
                              name,
                              String.join(
                                  ", ",
                                  catalog.entries().stream()
                                      .map(PolicyCatalog.Entry::name)
                                      .toList()))));
      String pid =
          entry
              .pid()
              .orElseThrow(() ->
                  new HypervisorException(
                      "Policy %s has no configuration: it is in force while bundle %s is"
                          .formatted(name, entry.bundle())));
      if (off) {
        end(entry, pid);
      } else {
        configure(pid, checked(entry));
      }
      io.out().println(name + (off ? " is no longer in force" : " is in force"));
      return 0;
    }

    private void end(PolicyCatalog.Entry entry, String pid)
        throws IOException, HypervisorException, UsageException, InterruptedException {
      if (!settings.isEmpty()) {
        throw new UsageException("policy:use: --off takes no settings");
      }
      if (!entry.waits()) {
        throw new HypervisorException(
            "Policy %s is in force while bundle %s is: felix:stop ends it"
                .formatted(name, entry.bundle()));
      }
      admin.getConfiguration(pid, "?").delete();
      await("stop", e -> !e.inForce());
    }

    /** The settings, by name; an empty value stands for the default. */
    private Map<String, String> checked(PolicyCatalog.Entry entry)
        throws HypervisorException, UsageException {
      Map<String, String> out = new TreeMap<>();
      for (String setting : settings) {
        int at = setting.indexOf('=');
        if (at < 1) {
          throw new UsageException("policy:use: '" + setting + "' is not of the form KEY=VALUE");
        }
        String key = setting.substring(0, at);
        PolicySetting known = entry.settings().get(key);
        if (known == null) {
          throw new UsageException(
              "policy:use: %s has no setting '%s'; it has: %s"
                  .formatted(name, key, String.join(", ", entry.settings().keySet())));
        }
        String value = setting.substring(at + 1);
        Optional<String> mistake = value.isEmpty() ? Optional.empty() : known.mistake(value);
        if (mistake.isPresent()) {
          throw new HypervisorException("Policy %s: %s".formatted(name, mistake.get()));
        }
        out.put(key, value);
      }
      return out;
    }

    /** Puts settings in force, or leaves things as they were. */
    private void configure(String pid, Map<String, String> wanted)
        throws IOException, HypervisorException, InterruptedException {
      Configuration configuration = admin.getConfiguration(pid, "?");
      Dictionary<String, Object> former = configuration.getProperties();
      Dictionary<String, Object> next = new Hashtable<>();
      if (former != null) {
        Collections.list(former.keys()).forEach(key -> next.put(key, former.get(key)));
      }
      wanted.forEach((key, value) -> {
        if (value.isEmpty()) {
          next.remove(key);
        } else {
          next.put(key, value);
        }
      });
      configuration.update(next);
      try {
        PolicyCatalog.Entry now = await("start", e -> e.inForce() && has(e, wanted));
        if (now.mistake().isPresent()) {
          throw new HypervisorException("Policy %s: %s".formatted(name, now.mistake().get()));
        }
      } catch (HypervisorException e) {
        try {
          takeBack(configuration, former);
        } catch (HypervisorException stuck) {
          e.addSuppressed(stuck);
        }
        throw e;
      }
    }

    private void takeBack(Configuration configuration, @Nullable Dictionary<String, Object> former)
        throws IOException, HypervisorException, InterruptedException {
      if (former == null) {
        configuration.delete();
        await("stop", e -> !e.waits() || !e.inForce());
      } else {
        configuration.update(former);
        await("go back to its former settings", e -> e.inForce() && e.mistake().isEmpty());
      }
    }

    private boolean has(PolicyCatalog.Entry entry, Map<String, String> wanted) {
      return wanted.entrySet().stream()
          .allMatch(w ->
              Optional.ofNullable(entry.settings().get(w.getKey()))
                  .map(s -> s.value().equals(w.getValue().isEmpty() ? s.byDefault() : w.getValue()))
                  .orElse(false));
    }

    /** Configurations are delivered in the background. */
    private PolicyCatalog.Entry await(String what, Predicate<PolicyCatalog.Entry> condition)
        throws HypervisorException, InterruptedException {
      long end = System.nanoTime() + PATIENCE_NS;
      while (true) {
        Optional<PolicyCatalog.Entry> entry = catalog.find(name).filter(condition);
        if (entry.isPresent()) {
          return entry.get();
        }
        if (System.nanoTime() - end > 0) {
          throw new HypervisorException("Policy %s did not %s within 10 s".formatted(name, what));
        }
        Thread.sleep(5);
      }
    }
  }
}
