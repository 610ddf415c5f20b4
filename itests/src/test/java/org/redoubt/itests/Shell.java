package org.redoubt.itests;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import org.apache.felix.service.command.CommandProcessor;
import org.apache.felix.service.command.CommandSession;

/** Types into Gogo as a user would, inside the container. */
final class Shell {
  private final CommandProcessor processor = Services.get(CommandProcessor.class);

  /** Runs a line and returns what it printed. */
  String run(String line) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (CommandSession session =
        processor.createSession(new ByteArrayInputStream(new byte[0]), out, out)) {
      session.put("SCOPE", "shell:*");
      session.execute(line);
    } catch (Exception e) {
      throw new AssertionError(line + ": " + e.getMessage(), e);
    }
    return out.toString(StandardCharsets.UTF_8);
  }
}
