package org.redoubt.shell.internal;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import org.apache.felix.service.command.CommandSession;

/**
 * One call of a command, as Gogo makes it.
 *
 * @param status 0 for success
 * @param out what it printed; for a failure, the one line that a user would see
 */
public record Called(int status, String out) {
  /** Calls a command with words. */
  public static Called of(ShellCommand command, Object... words) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    CommandSession session =
        (CommandSession)
            Proxy.newProxyInstance(
                Called.class.getClassLoader(),
                new Class<?>[] {CommandSession.class},
                (proxy, method, arguments) -> method.getName().equals("getConsole") ? out : null);
    try {
      Object status =
          command.execute(session, Arrays.stream(words).map(w -> (Object) w.toString()).toList());
      return new Called(
          status instanceof Integer i ? i : 0, bytes.toString(StandardCharsets.UTF_8));
    } catch (UsageException e) {
      return new Called(2, Failures.oneLine(e));
    } catch (Exception e) {
      return new Called(1, Failures.oneLine(e));
    }
  }

  /** The lines it printed. */
  public List<String> lines() {
    return out.lines().toList();
  }
}
