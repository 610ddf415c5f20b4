package org.redoubt.shell.internal;

import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Function;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.Constants;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/**
 * {@code felix:install}, in place of Felix's own, which reports a file that is missing or damaged
 * among the results, without its name and as a success.
 */
@Component(
    service = Function.class,
    property = {
      "osgi.command.scope=felix",
      "osgi.command.function=install",
      Constants.SERVICE_RANKING + ":Integer=100"
    })
public final class InstallCommand extends ShellCommand {
  private final BundleContext context;

  /** Made by SCR. */
  @Activate
  public InstallCommand(BundleContext context) {
    this.context = context;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(
      name = "felix:install",
      description = "Installs bundles and shows their numbers, for felix:start.")
  private final class Arguments implements Invocation {
    @Parameters(
        arity = "1..*",
        paramLabel = "URL",
        description = "Where they are, such as file:my.jar; relative to the current directory.")
    private List<String> urls = new ArrayList<>();

    @Override
    public int run(Io io) throws HypervisorException {
      List<Bundle> installed = new ArrayList<>();
      try {
        for (String url : urls) {
          installed.add(install(io.session(), url.strip()));
        }
      } finally {
        if (!installed.isEmpty()) {
          io.out()
              .println(
                  installed.stream()
                      .map(bundle -> String.valueOf(bundle.getBundleId()))
                      .collect(
                          Collectors.joining(
                              ", ", installed.size() == 1 ? "Bundle ID: " : "Bundle IDs: ", "")));
        }
      }
      return 0;
    }
  }

  private Bundle install(CommandSession session, String url) throws HypervisorException {
    try {
      return context.installBundle(resolve(session, url));
    } catch (BundleException | IllegalArgumentException e) {
      Throwable cause = e;
      while (cause.getCause() != null) {
        cause = cause.getCause();
      }
      throw new HypervisorException(
          "Bundle %s cannot be installed: %s".formatted(url, Failures.oneLine(cause)), e);
    }
  }

  /** As Felix's own command does: also a path, and {@code file:} with a relative one. */
  private static String resolve(CommandSession session, String url) {
    URI uri = URI.create(url);
    String file = uri.getScheme() == null ? url : uri.getSchemeSpecificPart();
    return uri.getScheme() == null || (uri.getScheme().equals("file") && uri.isOpaque())
        ? session.currentDir().resolve(file).normalize().toUri().toString()
        : uri.toString();
  }
}
