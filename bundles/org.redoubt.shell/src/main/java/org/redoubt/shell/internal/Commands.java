package org.redoubt.shell.internal;

import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.felix.service.command.CommandProcessor;
import org.apache.felix.service.command.Descriptor;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/**
 * The commands that are there right now, from the services that offer them. A description comes
 * from a {@link ShellCommand} itself, and from Gogo's {@code @Descriptor} for all others.
 */
@Component(service = Commands.class)
public final class Commands {
  private static final String ANY =
      "(&(" + CommandProcessor.COMMAND_SCOPE + "=*)(" + CommandProcessor.COMMAND_FUNCTION + "=*))";

  private final BundleContext context;

  /** Made by SCR. */
  @Activate
  public Commands(BundleContext context) {
    this.context = context;
  }

  /**
   * One command.
   *
   * @param scope before the colon
   * @param function after it
   * @param service who runs it
   */
  record Command(String scope, String function, Object service) {
    String name() {
      return scope + ":" + function;
    }

    /** One sentence; where its author wrote none, what the command stands for. */
    String description() {
      if (service instanceof ShellCommand command) {
        return command.description();
      }
      return methods()
          .map(method -> method.getAnnotation(Descriptor.class))
          .flatMap(Stream::ofNullable)
          .map(Descriptor::value)
          .findFirst()
          .orElseGet(() -> "calls " + service.getClass().getSimpleName() + "." + function);
    }

    /** What {@code help NAME} shows. */
    String help() {
      if (service instanceof ShellCommand command) {
        return command.help();
      }
      StringBuilder text = new StringBuilder();
      methods().forEach(method -> text.append(synopsis(method)));
      return text.toString();
    }

    private String synopsis(Method method) {
      StringBuilder line = new StringBuilder(name());
      StringBuilder details = new StringBuilder();
      Arrays.stream(method.getParameters())
          .filter(parameter -> !parameter.getType().getSimpleName().equals("CommandSession"))
          .forEach(parameter -> {
            var option = parameter.getAnnotation(org.apache.felix.service.command.Parameter.class);
            String word =
                option == null
                    ? parameter.getType().getSimpleName().toUpperCase(Locale.ROOT)
                    : "[" + String.join("|", option.names()) + "]";
            line.append(' ').append(word);
            Descriptor descriptor = parameter.getAnnotation(Descriptor.class);
            if (descriptor != null) {
              details.append("    %-20s %s%n".formatted(word, descriptor.value()));
            }
          });
      Descriptor descriptor = method.getAnnotation(Descriptor.class);
      return "%s%n    %s%n%s"
          .formatted(line, descriptor == null ? description() : descriptor.value(), details);
    }

    private Stream<Method> methods() {
      String name = function.toLowerCase(Locale.ROOT);
      List<String> names = List.of(name, "_" + name, "get" + name, "is" + name, "set" + name);
      return Arrays.stream(service.getClass().getMethods())
          .filter(method -> names.contains(method.getName().toLowerCase(Locale.ROOT)))
          .sorted(Comparator.comparingInt(Method::getParameterCount));
    }
  }

  /** All commands by name. */
  Map<String, Command> all() {
    Map<String, Command> found = new TreeMap<>();
    ServiceReference<?>[] references = references();
    Arrays.sort(references, Comparator.reverseOrder());
    for (ServiceReference<?> reference : references) {
      Object service = context.getService(reference);
      if (service != null) {
        String scope = String.valueOf(reference.getProperty(CommandProcessor.COMMAND_SCOPE));
        functions(reference.getProperty(CommandProcessor.COMMAND_FUNCTION))
            .map(function -> new Command(scope, function, service))
            .forEach(command -> found.putIfAbsent(command.name(), command));
        context.ungetService(reference);
      }
    }
    return found;
  }

  /** A command by its name, with or without its scope. */
  Optional<Command> find(String name) {
    Map<String, Command> all = all();
    return Optional.ofNullable(all.get(name))
        .or(() -> all.values().stream().filter(c -> c.function().equals(name)).findFirst());
  }

  /** The functions of one scope, sorted. */
  List<String> names(String scope) {
    return all().values().stream()
        .filter(command -> command.scope().equals(scope))
        .map(Command::function)
        .toList();
  }

  /** Names and descriptions, one a line: of one scope without its name, or of all. */
  String table(@Nullable String scope) {
    Table table = new Table("Command", "");
    for (Command command : all().values()) {
      if (scope == null || command.scope().equals(scope)) {
        table.row(scope == null ? command.name() : command.function(), command.description());
      }
    }
    return table.toString();
  }

  private ServiceReference<?>[] references() {
    try {
      ServiceReference<?>[] references = context.getAllServiceReferences(null, ANY);
      return references == null ? new ServiceReference<?>[0] : references;
    } catch (InvalidSyntaxException e) {
      throw new IllegalStateException("bug: a filter that does not parse", e);
    }
  }

  private static Stream<String> functions(Object property) {
    return switch (property) {
      case String[] names -> Arrays.stream(names);
      case Object[] names -> Arrays.stream(names).map(String::valueOf);
      case Iterable<?> names -> {
        Stream.Builder<String> builder = Stream.builder();
        names.forEach(name -> builder.add(String.valueOf(name)));
        yield builder.build();
      }
      default -> Stream.of(String.valueOf(property));
    };
  }
}
