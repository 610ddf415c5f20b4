package org.redoubt.shell.internal;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.Charset;

/**
 * Standard input that is no terminal: one command a line, no prompt; the status is the last line's
 * that failed, or 0.
 *
 * @param in where the lines come from
 * @param line runs them
 */
record Script(InputStream in, Line line) {

  int run() {
    int status = 0;
    BufferedReader reader = new BufferedReader(new InputStreamReader(in, Charset.defaultCharset()));
    try {
      String text = reader.readLine();
      while (text != null && !Failures.left(line.session())) {
        if (!text.isBlank()) {
          int result = line.run(text);
          status = result == 0 ? status : result;
        }
        text = reader.readLine();
      }
    } catch (IOException e) {
      line.err().println("Standard input: " + Failures.oneLine(e));
      return Line.FAILED;
    }
    return status;
  }
}
