package org.redoubt.shell.internal.sev;

import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.stream.Collectors;
import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.event.Event;
import org.redoubt.shell.internal.ShellCommand;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code policy:audit}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=policy", "osgi.command.function=audit"})
public final class PolicyAudit extends ShellCommand {
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("HH:mm:ss.SSS").withZone(ZoneId.systemDefault());

  private final AuditTrail trail;
  private final PolicyCatalog catalog;

  /** Made by SCR. */
  @Activate
  public PolicyAudit(@Reference AuditTrail trail, @Reference PolicyCatalog catalog) {
    this.trail = trail;
    this.catalog = catalog;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(
      name = "policy:audit",
      description =
          "Shows the audit trail of firmware commands (put in force by 'policy:use audit').")
  private final class Arguments implements Invocation {
    @Parameters(
        index = "0",
        arity = "0..1",
        paramLabel = "COUNT",
        description = "How many at most. Default: 20.")
    private int count = 20;

    @Option(names = "--follow", description = "Goes on with what comes, until Ctrl-C.")
    private boolean follow;

    @Override
    public int run(Io io) {
      if (!catalog.find("audit").map(PolicyCatalog.Entry::inForce).orElse(false)) {
        io.out().println("No audit: 'policy:use audit' puts it in force.");
      }
      BlockingQueue<Event> next = trail.follow();
      try {
        List<Event> events = trail.events();
        int from = Math.max(0, events.size() - Math.max(0, count));
        events.subList(from, events.size()).forEach(e -> io.out().println(line(e)));
        next.removeAll(events);
        while (follow) {
          io.out().println(line(next.take()));
          io.out().flush();
        }
      } catch (InterruptedException e) {
        // Ctrl-C: that is how it ends.
      } finally {
        trail.unfollow(next);
      }
      return 0;
    }

    private String line(Event e) {
      TreeMap<String, Object> details = new TreeMap<>();
      for (String name : e.getPropertyNames()) {
        if (name.startsWith("detail.")) {
          details.put(name.substring("detail.".length()), e.getProperty(name));
        }
      }
      String reason = String.valueOf(e.getProperty("reason"));
      return "%s  %-20s %-22s%s%s%s"
          .formatted(
              e.getProperty("timestamp") instanceof Long at
                  ? TIME.format(Instant.ofEpochMilli(at))
                  : "?",
              e.getProperty("operation"),
              e.getProperty("statusName"),
              e.getProperty("guest") == null ? "" : "  guest " + e.getProperty("guest"),
              reason.isEmpty() ? "" : "  " + reason,
              details.isEmpty()
                  ? ""
                  : "  "
                      + details.entrySet().stream()
                          .map(d -> d.getKey() + "=" + d.getValue())
                          .collect(Collectors.joining(" ")))
          .stripTrailing();
    }
  }
}
