package org.redoubt.shell.internal.sev;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Dictionary;
import java.util.Hashtable;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Function;
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
      Configuration configuration = admin.getConfiguration(pid, "?");
      if (off) {
        configuration.delete();
        await(false);
      } else {
        configuration.update(properties(entry, configuration.getProperties()));
        await(true);
      }
      io.out().println(name + (off ? " is no longer in force" : " is in force"));
      return 0;
    }

    private Dictionary<String, Object> properties(
        PolicyCatalog.Entry entry, Dictionary<String, Object> former) throws UsageException {
      Dictionary<String, Object> properties = former == null ? new Hashtable<>() : former;
      for (String setting : settings) {
        int at = setting.indexOf('=');
        if (at < 1) {
          throw new UsageException("policy:use: '" + setting + "' is not of the form KEY=VALUE");
        }
        String key = setting.substring(0, at);
        if (!entry.settings().containsKey(key)) {
          throw new UsageException(
              "policy:use: %s has no setting '%s'; it has: %s"
                  .formatted(name, key, String.join(", ", entry.settings().keySet())));
        }
        if (at == setting.length() - 1) {
          properties.remove(key);
        } else {
          properties.put(key, setting.substring(at + 1));
        }
      }
      return properties;
    }

    /** Configurations are delivered in the background. */
    private void await(boolean inForce) throws HypervisorException, InterruptedException {
      long end = System.nanoTime() + PATIENCE_NS;
      while (catalog.find(name).map(PolicyCatalog.Entry::inForce).orElse(false) != inForce) {
        if (System.nanoTime() - end > 0) {
          throw new HypervisorException(
              "Policy %s did not %s within 10 s".formatted(name, inForce ? "start" : "stop"));
        }
        Thread.sleep(5);
      }
    }
  }
}
