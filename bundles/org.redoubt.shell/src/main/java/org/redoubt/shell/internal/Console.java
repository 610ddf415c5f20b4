package org.redoubt.shell.internal;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.BooleanSupplier;
import org.apache.felix.service.command.CommandProcessor;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Job;
import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReader;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.UserInterruptException;
import org.jline.reader.impl.DefaultParser;
import org.jline.reader.impl.LineReaderImpl;
import org.jline.terminal.Size;
import org.jline.terminal.Terminal;
import org.jline.terminal.TerminalBuilder;
import org.jline.terminal.impl.DumbTerminal;
import org.jline.utils.AttributedStringBuilder;
import org.jline.utils.AttributedStyle;
import org.jline.utils.Signals;

/**
 * The shell on a terminal: history, completion, Ctrl-C ends the command under way, Ctrl-D leaves.
 * Colours only where the terminal has them and {@code NO_COLOR} is not set.
 */
final class Console {
  /** Session variable: there when the user sits at a terminal. */
  static final String TERMINAL = ".terminal";

  /** Session variable: the {@link Terminal} that the shell reads from. */
  static final String KEYBOARD = ".keyboard";

  /** Session variable: set when the user has left. */
  static final String LEFT = ".left";

  private static final String PROMPT = "g! ";

  private final CommandProcessor processor;
  private final Commands commands;
  private final BooleanSupplier stopping;

  Console(CommandProcessor processor, Commands commands, BooleanSupplier stopping) {
    this.processor = processor;
    this.commands = commands;
    this.stopping = stopping;
  }

  /** Reads and runs lines until the user leaves; returns the exit status. */
  int run() {
    try (Terminal terminal = terminal()) {
      if (terminal instanceof DumbTerminal && isKeyboard()) {
        // JLine leaves signals of such a terminal to the JVM, which would end.
        Signals.register("INT", () -> terminal.raise(Terminal.Signal.INT));
      }
      return run(reader(terminal).variable(LineReader.HISTORY_FILE, historyFile()).build());
    } catch (IOException e) {
      System.err.println("redoubt: No terminal: " + Failures.oneLine(e));
      return Line.FAILED;
    }
  }

  /** Runs one line on a terminal that nobody sees, so that the JVM can note what that takes. */
  int rehearse() {
    InputStream keys = new ByteArrayInputStream("help\n".getBytes(StandardCharsets.UTF_8));
    OutputStream nowhere = OutputStream.nullOutputStream();
    try (Terminal terminal =
        new DumbTerminal("rehearsal", Terminal.TYPE_DUMB, keys, nowhere, StandardCharsets.UTF_8)) {
      return run(reader(terminal).build());
    } catch (IOException e) {
      System.err.println("redoubt: No terminal: " + Failures.oneLine(e));
      return Line.FAILED;
    }
  }

  private static LineReaderBuilder reader(Terminal terminal) {
    return LineReaderBuilder.builder()
        .terminal(terminal)
        .appName("redoubt")
        .parser(parser())
        .option(LineReader.Option.DISABLE_EVENT_EXPANSION, true);
  }

  private int run(LineReader reader) throws IOException {
    Terminal terminal = reader.getTerminal();
    try (PrintStream out = new PrintStream(terminal.output(), true, terminal.encoding());
        CommandSession session = processor.createSession(terminal.input(), out, out)) {
      session.put("SCOPE", "shell:*");
      session.put(KEYBOARD, terminal);
      session.put(TERMINAL, !terminal.getType().startsWith(Terminal.TYPE_DUMB));
      terminal.handle(Terminal.Signal.INT, signal -> interrupt(session));
      ((LineReaderImpl) reader).setCompleter(new CommandCompleter(commands, session));
      loop(reader, session, new Line(session, out, out, stopping));
      return 0;
    }
  }

  private static boolean isKeyboard() {
    java.io.Console console = System.console();
    return console != null && console.isTerminal();
  }

  /** The system's terminal; the caller closes it. */
  static Terminal terminal() throws IOException {
    // JLine looks for its own providers through the thread's class loader.
    Thread thread = Thread.currentThread();
    ClassLoader outer = thread.getContextClassLoader();
    thread.setContextClassLoader(Terminal.class.getClassLoader());
    try {
      Terminal terminal = TerminalBuilder.builder().system(true).build();
      if (terminal.getWidth() == 0 || terminal.getHeight() == 0) {
        // A pseudo-terminal that nobody gave a size.
        terminal.setSize(new Size(80, 24));
      }
      return terminal;
    } finally {
      thread.setContextClassLoader(outer);
    }
  }

  private void loop(LineReader reader, CommandSession session, Line line) {
    String prompt = prompt(reader.getTerminal());
    while (!stopping.getAsBoolean() && !Failures.left(session)) {
      try {
        String text = reader.readLine(prompt);
        if (!text.isBlank()) {
          line.run(text);
        }
      } catch (UserInterruptException e) {
        // Ctrl-C at the prompt drops the line; when the framework stops, the loop ends.
      } catch (EndOfFileException e) {
        return;
      }
    }
  }

  private static void interrupt(CommandSession session) {
    Job job = session.foregroundJob();
    if (job != null) {
      job.interrupt();
    }
  }

  private static DefaultParser parser() {
    // Gogo reads the line itself; JLine only has to split it into words for completion.
    DefaultParser parser = new DefaultParser();
    parser.setEofOnUnclosedQuote(true);
    return parser;
  }

  private static String prompt(Terminal terminal) {
    boolean plain = System.getenv("NO_COLOR") != null;
    return plain
        ? PROMPT
        : new AttributedStringBuilder().styled(AttributedStyle.BOLD, PROMPT).toAnsi(terminal);
  }

  /** {@code $XDG_STATE_HOME/redoubt/history}, by default below {@code ~/.local/state}. */
  private static Path historyFile() throws IOException {
    String state = System.getenv("XDG_STATE_HOME");
    Path folder =
        state == null || state.isBlank()
            ? Path.of(System.getProperty("user.home"), ".local", "state")
            : Path.of(state);
    return Files.createDirectories(folder.resolve("redoubt")).resolve("history");
  }
}
