package org.redoubt.shell.internal.config;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Dictionary;
import java.util.Hashtable;
import java.util.List;
import org.apache.felix.service.command.Function;
import org.osgi.service.cm.Configuration;
import org.osgi.service.cm.ConfigurationAdmin;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.shell.internal.ShellCommand;
import org.redoubt.shell.internal.UsageException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code config:set}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=config", "osgi.command.function=set"})
public final class ConfigSet extends ShellCommand {
  private final ConfigurationAdmin admin;

  /** Made by SCR. */
  @Activate
  public ConfigSet(@Reference ConfigurationAdmin admin) {
    this.admin = admin;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(
      name = "config:set",
      description = "Sets properties of a configuration, effective at once; KEY= takes one away.")
  private final class Arguments implements Invocation {
    @Parameters(index = "0", paramLabel = "PID", description = "Such as org.redoubt.memory.")
    private String pid = "";

    @Parameters(index = "1..*", arity = "1..*", paramLabel = "KEY=VALUE")
    private List<String> settings = new ArrayList<>();

    @Override
    public int run(Io io) throws IOException, UsageException {
      for (String setting : settings) {
        if (setting.indexOf('=') < 1) {
          throw new UsageException("config:set: '" + setting + "' is not of the form KEY=VALUE");
        }
      }
      Configuration configuration = admin.getConfiguration(pid, "?");
      Dictionary<String, Object> former = configuration.getProperties();
      Dictionary<String, Object> properties = former == null ? new Hashtable<>() : former;
      for (String setting : settings) {
        String key = setting.substring(0, setting.indexOf('='));
        String value = setting.substring(setting.indexOf('=') + 1);
        if (value.isEmpty()) {
          properties.remove(key);
        } else {
          properties.put(key, value);
        }
      }
      configuration.update(properties);
      return 0;
    }
  }
}
