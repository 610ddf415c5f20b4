package org.redoubt.shell.internal;

import java.util.List;
import org.apache.felix.service.command.CommandSession;
import org.jline.reader.Candidate;
import org.jline.reader.Completer;
import org.jline.reader.LineReader;
import org.jline.reader.ParsedLine;
import org.jline.reader.impl.completer.StringsCompleter;

/**
 * Completes the first word to a command, later ones to its options, to what it suggests, or to
 * files.
 */
final class CommandCompleter implements Completer {
  private final Commands commands;
  private final CommandSession session;

  CommandCompleter(Commands commands, CommandSession session) {
    this.commands = commands;
    this.session = session;
  }

  @Override
  public void complete(LineReader reader, ParsedLine line, List<Candidate> candidates) {
    if (line.wordIndex() == 0) {
      commands
          .all()
          .values()
          .forEach(command ->
              candidates.add(
                  new Candidate(
                      command.name(),
                      command.name(),
                      command.scope(),
                      command.description(),
                      null,
                      null,
                      true)));
      return;
    }
    commands
        .find(line.words().getFirst())
        .map(Commands.Command::service)
        .filter(ShellCommand.class::isInstance)
        .map(ShellCommand.class::cast)
        .ifPresent(command -> arguments(command, reader, line, candidates));
  }

  private void arguments(
      ShellCommand command, LineReader reader, ParsedLine line, List<Candidate> candidates) {
    if (line.word().startsWith("-")) {
      new StringsCompleter(command.optionNames()).complete(reader, line, candidates);
    } else {
      new StringsCompleter(command.suggestions(session, line.words()))
          .complete(reader, line, candidates);
    }
  }
}
