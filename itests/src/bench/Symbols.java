import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * An ELF file with nothing but symbols, for gdb, from the lines of /proc/kallsyms or a System.map:
 * {@code java Symbols.java LINES FILE}. Other lines, such as a console's, are left out.
 */
final class Symbols {
  private static final int HEADER = 64;
  private static final int SECTION = 64;
  private static final int SYMBOL = 24;

  private record Symbol(long address, boolean code, String name) {}

  public static void main(String[] arguments) throws IOException {
    List<Symbol> symbols = new ArrayList<>();
    for (String line : Files.readAllLines(Path.of(arguments[0]), StandardCharsets.ISO_8859_1)) {
      String[] words = line.strip().split("\\s+");
      // Those of modules have their name behind; per-CPU ones are offsets.
      if (words.length == 3 && words[0].matches("ffffffff[0-9a-f]{8}") && words[1].length() == 1) {
        symbols.add(
            new Symbol(Long.parseUnsignedLong(words[0], 16), "tTwW".contains(words[1]), words[2]));
      }
    }
    Files.write(Path.of(arguments[1]), elf(symbols));
    System.out.println(symbols.size() + " symbols in " + arguments[1]);
  }

  private static byte[] elf(List<Symbol> symbols) {
    StringBuilder names = new StringBuilder("\0");
    ByteBuffer table = buffer((symbols.size() + 1) * SYMBOL);
    table.position(SYMBOL);
    for (Symbol one : symbols) {
      table.putInt(names.length()).put((byte) (one.code ? 0x12 : 0x11)).put((byte) 0);
      table.putShort((short) (one.code ? 1 : 2)).putLong(one.address).putLong(0);
      names.append(one.name).append('\0');
    }
    byte[] strings = names.toString().getBytes(StandardCharsets.ISO_8859_1);
    byte[] sections = "\0.text\0.data\0.symtab\0.strtab\0".getBytes(StandardCharsets.ISO_8859_1);
    int tableAt = HEADER + 5 * SECTION;
    int stringsAt = tableAt + table.capacity();
    ByteBuffer file = buffer(stringsAt + strings.length + sections.length);
    file.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1, 0}).putLong(0);
    file.putShort((short) 2).putShort((short) 62).putInt(1); // executable, x86-64
    file.putLong(0).putLong(0).putLong(HEADER).putInt(0);
    file.putShort((short) 64).putShort((short) 56).putShort((short) 0);
    file.putShort((short) SECTION).putShort((short) 5).putShort((short) 4);
    // Without contents: gdb shall read code from the guest.
    file.position(HEADER + SECTION);
    section(file, 1, 8, 6, 0xffff_ffff_8000_0000L, 0, 0x4000_0000L, 0, 0, 0);
    section(file, 7, 8, 3, 0xffff_ffff_c000_0000L, 0, 0x1000_0000L, 0, 0, 0);
    section(file, 13, 2, 0, 0, tableAt, table.capacity(), 4, 1, SYMBOL);
    section(file, 21, 3, 0, 0, stringsAt, strings.length + sections.length, 0, 0, 0);
    file.put(table.array()).put(strings).put(sections);
    // Section names lie behind the symbols'.
    for (int i = 1; i < 5; i++) {
      int at = HEADER + i * SECTION;
      file.putInt(at, file.getInt(at) + strings.length);
    }
    return file.array();
  }

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static void section(
      ByteBuffer file,
      int name,
      int type,
      long flags,
      long address,
      long offset,
      long bytes,
      int link,
      int info,
      long entry) {
    file.putInt(name).putInt(type).putLong(flags).putLong(address).putLong(offset).putLong(bytes);
    file.putInt(link).putInt(info).putLong(1).putLong(entry);
  }

  private Symbols() {}
}
