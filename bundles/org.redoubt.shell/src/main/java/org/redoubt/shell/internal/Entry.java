package org.redoubt.shell.internal;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.util.List;
import java.util.function.ToIntFunction;
import org.apache.felix.service.command.CommandProcessor;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;

/**
 * Takes the command line that the launcher hands over and returns the exit status: 0, 1 when a
 * command failed, 2 when it was not understood, or what a command returns as an {@code Integer}.
 * Runs on the launcher's main thread.
 */
@Component(service = ToIntFunction.class, property = "redoubt.entry=shell")
public final class Entry implements ToIntFunction<String[]> {
  /** Scope of the commands that are also sub-commands of {@code ./redoubt}. */
  static final String SUBCOMMANDS = "redoubt";

  private final CommandProcessor processor;
  private final Commands commands;
  private final InputStream in = new FileInputStream(FileDescriptor.in);
  private final PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true);
  private final PrintStream err = new PrintStream(new FileOutputStream(FileDescriptor.err), true);
  private volatile boolean stopping;
  private volatile Thread reader = Thread.currentThread();

  /**
   * Made by SCR.
   *
   * @param processor Gogo
   * @param commands the commands there are
   */
  @Activate
  public Entry(@Reference CommandProcessor processor, @Reference Commands commands) {
    this.processor = processor;
    this.commands = commands;
  }

  /** Ends a console that still waits for a line. */
  @Deactivate
  void stop() {
    stopping = true;
    if (reader != Thread.currentThread()) {
      reader.interrupt();
    }
  }

  @Override
  public int applyAsInt(String[] arguments) {
    reader = Thread.currentThread();
    if (arguments.length == 0) {
      return shell();
    }
    try (CommandSession session = session()) {
      return switch (arguments[0]) {
        case "--help" -> {
          out.print(commands.table(SUBCOMMANDS));
          yield 0;
        }
        case "--rehearse" -> new Console(processor, commands, () -> stopping).rehearse();
        case "-c" -> new Line(session, out, err, () -> stopping).run(arguments[1]);
        default -> subcommand(session, arguments);
      };
    }
  }

  private CommandSession session() {
    CommandSession session = processor.createSession(in, out, err);
    session.put("SCOPE", "shell:*");
    if (System.console() != null && System.console().isTerminal()) {
      session.put(Console.TERMINAL, true);
    }
    return session;
  }

  private int shell() {
    try (CommandSession session = session()) {
      if (System.console() == null || !System.console().isTerminal()) {
        return new Script(in, new Line(session, out, err, () -> stopping)).run();
      }
      return new Console(processor, commands, () -> stopping).run();
    }
  }

  private int subcommand(CommandSession session, String[] arguments) {
    List<Object> rest =
        List.of(arguments).subList(1, arguments.length).stream().map(Object.class::cast).toList();
    if (!(session.get(SUBCOMMANDS + ":" + arguments[0]) instanceof Function command)) {
      err.println(
          "redoubt: No command '%s'; there are: %s"
              .formatted(arguments[0], String.join(", ", commands.names(SUBCOMMANDS))));
      return Line.USAGE;
    }
    return new Line(session, out, err, () -> stopping).status(() -> command.execute(session, rest));
  }
}
