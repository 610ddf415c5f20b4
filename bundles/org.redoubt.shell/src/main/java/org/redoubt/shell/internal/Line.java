package org.redoubt.shell.internal;

import java.io.PrintStream;
import java.util.concurrent.Callable;
import java.util.function.BooleanSupplier;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Converter;
import org.jspecify.annotations.Nullable;

/**
 * Runs command lines in a session, shows their results, and turns failures into one line each.
 *
 * @param session where they run
 * @param out receives results
 * @param err receives failures
 * @param stopping whether the framework is being stopped, by a signal for one: a command that fails
 *     by that has failed without a word, and this bundle's classes may not be there any more
 */
record Line(CommandSession session, PrintStream out, PrintStream err, BooleanSupplier stopping) {
  static final int FAILED = 1;
  static final int USAGE = 2;

  /** As of a process that SIGINT ended. */
  static final int INTERRUPTED = 130;

  /** Runs one line and returns its status. */
  int run(String line) {
    return status(() -> session.execute(line));
  }

  /** Runs something and returns its status: an {@code Integer} result is the status. */
  int status(Callable<? extends @Nullable Object> command) {
    try {
      Object result = command.call();
      if (result instanceof Integer status) {
        return status;
      }
      if (result != null) {
        out.println(session.format(result, Converter.INSPECT));
      }
      return 0;
    } catch (InterruptedException e) {
      return INTERRUPTED; // Ctrl-C: the user knows
    } catch (Exception e) {
      if (stopping.getAsBoolean()) {
        return FAILED;
      }
      err.println(Failures.oneLine(e));
      return e instanceof UsageException ? USAGE : FAILED;
    } catch (LinkageError e) {
      if (stopping.getAsBoolean()) {
        return FAILED;
      }
      throw e;
    } finally {
      out.flush();
      err.flush();
    }
  }
}
