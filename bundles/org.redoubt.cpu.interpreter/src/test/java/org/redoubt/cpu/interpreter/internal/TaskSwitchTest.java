package org.redoubt.cpu.interpreter.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuBus;
import org.redoubt.api.cpu.CpuState;

/**
 * Hardware task switches and virtual-8086 mode, against Bochs: a guest program does each case, and
 * prints the vector, the error code and the registers that its handlers found.
 */
@Timeout(300)
final class TaskSwitchTest {
  private static final int LOADED_AT = 0x8000;
  private static final long GDT = 0x6000;
  private static final int OUTPUT = 0xe9;
  private static final int CASES = 181;

  /**
   * Where we differ: IRET beyond the limit faults at the IRET (APM Vol. 3, IRET), which in Bochs
   * completes and faults at the target.
   */
  private static final List<String> KNOWN =
      List.of("v86 iretd beyond, iopl 3 ", "v86 iretd beyond, iopl 3, vme ");

  private static byte[] resource(String name) throws IOException {
    try (InputStream in = TaskSwitchTest.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IOException(name + " is missing");
      }
      return in.readAllBytes();
    }
  }

  private static CpuBus printing(StringBuilder output) {
    return (CpuBus)
        Proxy.newProxyInstance(
            TaskSwitchTest.class.getClassLoader(),
            new Class<?>[] {CpuBus.class},
            (proxy, method, arguments) -> {
              if (method.getName().equals("out") && (int) arguments[0] == OUTPUT) {
                output.append((char) (int) arguments[2]);
              }
              Class<?> type = method.getReturnType();
              return type == int.class ? 0 : type == long.class ? (Object) 0L : null;
            });
  }

  private static List<String> run() throws HypervisorException, IOException {
    StringBuilder output = new StringBuilder();
    try (FlatMachine m = new FlatMachine(0, printing(output))) {
      CpuState s = m.longMode();
      m.code(LOADED_AT, resource("tasks.bin"));
      s.gdtBase = GDT;
      m.put64(GDT + 8, 0x00cf_9b00_0000_ffffL);
      m.put64(GDT + 16, 0x00cf_9300_0000_ffffL);
      s.cr0 = 0x11;
      s.cr4 = 0;
      s.msr.put(0xc000_0080, 0L);
      s.attributes[CpuState.CS] = 0xc9b;
      s.rip = LOADED_AT;
      m.engine.importState(s);
      m.engine.run(50_000_000);
    }
    return output.toString().lines().toList();
  }

  @Test
  void shouldDoAsBochsDoesInEveryCase() throws HypervisorException, IOException {
    List<String> expected =
        new String(resource("tasks.txt"), StandardCharsets.UTF_8)
            .lines()
            .filter(line -> !line.startsWith("#"))
            .toList();
    List<String> actual = run();
    List<String> differences = new ArrayList<>();
    for (int i = 0; i < expected.size(); i++) {
      String ours = i < actual.size() ? actual.get(i) : "(nothing)";
      boolean known = KNOWN.stream().anyMatch(expected.get(i)::startsWith);
      if (expected.get(i).equals(ours) == known) {
        differences.add(expected.get(i) + "\n" + ours);
      }
    }
    assertEquals("", String.join("\n", differences));
    assertEquals(CASES, expected.size());
    assertEquals("end", actual.getLast());
  }
}
