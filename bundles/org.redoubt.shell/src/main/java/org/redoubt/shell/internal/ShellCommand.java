package org.redoubt.shell.internal;

import java.io.PrintStream;
import java.util.List;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/**
 * A Gogo command whose arguments picocli reads. Subclasses are components that offer {@link
 * Function} with {@code osgi.command.scope} and {@code osgi.command.function}, and keep no state
 * between calls: each call gets a new {@link Invocation}.
 */
public abstract class ShellCommand implements Function {

  /** One call: fields annotated for picocli, and what to do with them. */
  public interface Invocation {
    /**
     * Does the work.
     *
     * @param io where the user is
     * @return exit status of the command, 0 for success
     * @throws Exception with a message of one line for the user
     */
    int run(Io io) throws Exception;
  }

  /**
   * Where the user of a call is.
   *
   * @param session the Gogo session
   * @param out for results
   */
  public record Io(CommandSession session, PrintStream out) {
    /** Whether colours are welcome: on a terminal, unless {@code NO_COLOR} is set. */
    public boolean colours() {
      return Boolean.TRUE.equals(session.get(Console.TERMINAL))
          && System.getenv("NO_COLOR") == null;
    }

    /** A progress display that fits the place. */
    public Progress progress(String label) {
      return new Progress(out, label, Boolean.TRUE.equals(session.get(Console.TERMINAL)));
    }
  }

  /** Makes the object that picocli fills, annotated with {@code @Command(name, description)}. */
  protected abstract Invocation invocation();

  /**
   * Words that would fit as the next argument, for completion.
   *
   * @param session the Gogo session
   * @param words the line so far, the command first and the word under the cursor last
   */
  protected List<String> suggestions(CommandSession session, List<String> words) {
    return List.of();
  }

  @Override
  public final @Nullable Object execute(CommandSession session, List<Object> arguments)
      throws Exception {
    Invocation invocation = invocation();
    CommandLine line = new CommandLine(invocation);
    String[] words = arguments.stream().map(String::valueOf).toArray(String[]::new);
    if (List.of(words).contains("--help")) {
      session.getConsole().print(help());
      return null;
    }
    try {
      line.parseArgs(words);
    } catch (ParameterException e) {
      throw new UsageException(
          "%s: %s; 'help %s' shows what it takes"
              .formatted(line.getCommandName(), Failures.oneLine(e), line.getCommandName()));
    }
    int status = invocation.run(new Io(session, session.getConsole()));
    return status == 0 ? null : status;
  }

  /** One sentence on what the command does. */
  final String description() {
    String[] lines = spec().usageMessage().description();
    return lines.length == 0 ? "" : lines[0];
  }

  /** The usage text. */
  final String help() {
    return new CommandLine(invocation()).getUsageMessage(CommandLine.Help.Ansi.OFF);
  }

  /** The long names of the options, for completion. */
  final List<String> optionNames() {
    return spec().options().stream().map(CommandLine.Model.OptionSpec::longestName).toList();
  }

  private CommandLine.Model.CommandSpec spec() {
    return CommandLine.Model.CommandSpec.forAnnotatedObject(invocation());
  }
}
