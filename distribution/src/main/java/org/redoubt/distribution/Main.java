package org.redoubt.distribution;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Properties;
import java.util.SequencedCollection;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleException;
import org.redoubt.distribution.FeatureSet.FeatureException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/** The command line of {@code redoubt}. Everything after the first word is the sub-command's. */
@Command(
    name = "redoubt",
    description = "A confidential-VM hypervisor that can be taken apart.",
    customSynopsis = {
      "redoubt [options]                 the shell",
      "       redoubt [options] -c LINE         one line of the shell; exits with its status",
      "       redoubt [options] COMMAND ...     one command; exits with its status"
    },
    sortOptions = false)
public final class Main {
  private static final int FAILED = 1;
  private static final int USAGE = 2;

  /** What bundles log from WARNING on goes to the operator: one line each, as all that is said. */
  private static final String LOG_FORMAT = "java.util.logging.SimpleFormatter.format";

  @Option(
      names = {"-c", "--command"},
      paramLabel = "LINE",
      description = "Runs one line of the shell and exits with its status.")
  private @Nullable String line;

  @Option(
      names = "--feature",
      paramLabel = "NAME|FILE",
      description = "Adds a feature by name or a feature document by path. Repeatable.")
  private List<String> features = new ArrayList<>();

  @Option(
      names = "--bundle",
      paramLabel = "FILE",
      description = "Adds a bundle, such as an engine of your own. Repeatable.")
  private List<Path> bundles = new ArrayList<>();

  @Option(
      names = "--strict",
      description = "Fails on the first problem of a feature or bundle instead of going on.")
  private boolean strict;

  @Option(
      names = "--rehearse",
      hidden = true,
      description = "What the build runs: as --strict, one line in a shell that nobody sees.")
  private boolean rehearse;

  @Option(names = "--help", description = "Shows this help and the commands there are.")
  private boolean help;

  @Option(names = "--version", description = "Shows the version.")
  private boolean version;

  @Parameters(arity = "0..*", hidden = true)
  private List<String> command = new ArrayList<>();

  /** A signal ends the process: what fails from here on does so because the bundles stop. */
  private volatile boolean stopping;

  private Main() {}

  /** Runs the command line and exits with its status. */
  public static void main(String[] arguments) {
    if (System.getProperty(LOG_FORMAT) == null) {
      System.setProperty(LOG_FORMAT, "redoubt: %5$s%6$s%n");
    }
    Main main = new Main();
    CommandLine parser = new CommandLine(main).setStopAtPositional(true);
    int status;
    try {
      parser.parseArgs(arguments);
      status = main.run(parser);
    } catch (ParameterException | FeatureException e) {
      status = usageError(Problems.oneLine(e));
    } catch (IOException | BundleException e) {
      System.err.println("redoubt: Not started: " + Problems.oneLine(e));
      status = FAILED;
    } catch (RuntimeException | LinkageError e) {
      if (!main.stopping) {
        e.printStackTrace();
      }
      status = FAILED;
    }
    // Threads that a bundle forgot must not keep the process.
    System.exit(status);
  }

  private static int usageError(String message) {
    System.err.println("redoubt: " + message);
    return USAGE;
  }

  private int run(CommandLine parser) throws FeatureException, IOException, BundleException {
    if (version) {
      System.out.println("Redoubt " + version() + ", Java " + Runtime.version());
      return 0;
    }
    strict |= rehearse;
    if (line != null && !command.isEmpty()) {
      return usageError("-c takes one line; quote it: -c '" + line + " " + command.get(0) + "'");
    }
    for (Path bundle : bundles) {
      if (!Files.isRegularFile(bundle)) {
        return usageError("No bundle " + bundle.toAbsolutePath());
      }
    }
    if (help) {
      parser.usage(System.out);
    }
    Problems problems = new Problems();
    Installation installation = Installation.ofLauncher();
    if (rehearse) {
      Files.deleteIfExists(installation.complete());
    }
    Properties configuration = installation.configuration();
    FeatureSet set = featureSet(installation, configuration, problems);
    if (strict && problems.count() > 0) {
      return FAILED;
    }
    Host host = Host.start(configuration, set, problems);
    Thread stopper = new Thread(() -> stop(host), "stop");
    Runtime.getRuntime().addShutdownHook(stopper);
    int status = strict && problems.count() > 0 ? FAILED : host.run(entryArguments());
    if (isRemoved(stopper)) {
      host.close();
    }
    if (rehearse && status == 0) {
      Files.createFile(installation.complete());
    }
    return status;
  }

  private void stop(Host host) {
    stopping = true;
    host.close();
  }

  /** Not while a signal ends the process: then the hook stops everything. */
  private static boolean isRemoved(Thread hook) {
    try {
      return Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      return false;
    }
  }

  private String[] entryArguments() {
    if (help) {
      return new String[] {"--help"};
    }
    if (rehearse) {
      return new String[] {"--rehearse"};
    }
    return line != null ? new String[] {"-c", line} : command.toArray(String[]::new);
  }

  /** The features of the configuration, those of the command line, and its bundles. */
  private FeatureSet featureSet(
      Installation installation, Properties configuration, Problems problems)
      throws FeatureException {
    SequencedCollection<Path> documents = new LinkedHashSet<>();
    for (String name : configuration.getProperty("redoubt.features", "").split("[,\\s]+")) {
      try {
        documents.add(FeatureSet.find(installation, name));
      } catch (FeatureException e) {
        problems.accept(Problems.oneLine(e));
      }
    }
    for (String name : features) {
      documents.add(FeatureSet.find(installation, name));
    }
    FeatureSet set = FeatureSet.read(installation, List.copyOf(documents), problems);
    List<Path> jars = new ArrayList<>(set.bundles());
    bundles.stream().map(Path::toAbsolutePath).forEach(jars::add);
    return new FeatureSet(jars, set.configurations());
  }

  private static String version() {
    String version = Main.class.getPackage().getImplementationVersion();
    return version == null ? "(development)" : version;
  }
}
