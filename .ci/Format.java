import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.spi.ToolProvider;

/**
 * Checks, or mends, the layout of every Java file below a folder with google-java-format.
 *
 * <p>Usage: {@code java -cp <google-java-format and what it needs> Format.java check|write FOLDER}
 */
final class Format {

  private Format() {}

  public static void main(String[] args) throws IOException {
    boolean write = args[0].equals("write");
    Path root = Path.of(args[1]).toRealPath();
    List<String> command = new ArrayList<>();
    if (write) {
      command.add("--replace");
    } else {
      command.addAll(List.of("--dry-run", "--set-exit-if-changed"));
    }
    List<String> files = javaFiles(root);
    command.addAll(files);
    ToolProvider formatter = ToolProvider.findFirst("google-java-format").orElseThrow();
    StringWriter names = new StringWriter();
    int status =
        formatter.run(
            new PrintWriter(names),
            new PrintWriter(System.err, true),
            command.toArray(String[]::new));
    if (status != 0) {
      names.toString().lines().map(name -> "  " + name).forEach(System.err::println);
      System.err.println("Not formatted. This mends it:  mvn -q -Pformat -N validate");
    } else {
      System.out.println((write ? "Formatted " : "Layout checked: ") + files.size() + " files");
    }
    System.exit(status);
  }

  private static List<String> javaFiles(Path root) throws IOException {
    List<String> files = new ArrayList<>();
    Files.walkFileTree(
        root,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path dir, BasicFileAttributes attributes) {
            String name = dir.getFileName().toString();
            boolean skipped = name.equals("target") || name.equals(".git") || name.equals(".cache");
            return skipped ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            if (file.toString().endsWith(".java")) {
              files.add(root.relativize(file).toString());
            }
            return FileVisitResult.CONTINUE;
          }
        });
    files.sort(null);
    files.replaceAll(file -> root.resolve(file).toString());
    return files;
  }
}
