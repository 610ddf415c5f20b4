package org.redoubt.shell.internal.config;

import java.io.IOException;
import java.util.Collections;
import java.util.Dictionary;
import java.util.TreeSet;
import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Constants;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.service.cm.Configuration;
import org.osgi.service.cm.ConfigurationAdmin;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.shell.internal.ShellCommand;
import org.redoubt.shell.internal.Table;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code config:list}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=config", "osgi.command.function=list"})
public final class ConfigList extends ShellCommand {
  private final ConfigurationAdmin admin;

  /** Made by SCR. */
  @Activate
  public ConfigList(@Reference ConfigurationAdmin admin) {
    this.admin = admin;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(name = "config:list", description = "Lists the configurations and their properties.")
  private final class Arguments implements Invocation {
    @Parameters(arity = "0..1", paramLabel = "PID", description = "Only this one.")
    private @Nullable String pid;

    @Override
    public int run(Io io) throws IOException, InvalidSyntaxException {
      Configuration[] configurations = admin.listConfigurations(null);
      Table table = new Table("PID", "Key", "Value");
      for (Configuration configuration :
          configurations == null ? new Configuration[0] : configurations) {
        Dictionary<String, Object> properties = configuration.getProperties();
        if (pid == null || pid.equals(configuration.getPid())) {
          for (String key : new TreeSet<>(Collections.list(properties.keys()))) {
            if (!key.equals(Constants.SERVICE_PID)) {
              table.row(configuration.getPid(), key, properties.get(key));
            }
          }
        }
      }
      io.out().print(table);
      return 0;
    }
  }
}
