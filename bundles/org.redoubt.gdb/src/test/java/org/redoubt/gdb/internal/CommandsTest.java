package org.redoubt.gdb.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.cpu.DebugStops;
import org.redoubt.api.vm.Debugger;

class CommandsTest {
  private final FakeDebugger vm = new FakeDebugger();
  private final Commands commands = new Commands(vm);

  private String answer(String packet) {
    return commands.answer(packet).text();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "?                 | T05thread:1;",
        "qfThreadInfo      | m1,2",
        "qsThreadInfo      | l",
        "qC                | QC1",
        "qAttached         | 1",
        "vCont?            | vCont;c;C;s;S",
        "Hg2               | OK",
        "Hg0               | OK",
        "Hc-1              | OK",
        "Hg3               | E03",
        "T2                | OK",
        "T3                | E16",
        "m1000,4           | 00000000",
        "m2ffe,4           | 0000",
        "m3000,4           | E0e",
        "mfff,1            | E0e",
        "m1000,2001        | E16",
        "m1000             | E16",
        "M1000,2:abcd      | OK",
        "M1000,3:abcd      | E16",
        "M1000,2:abcx      | E16",
        "M4000,2:abcd      | E0e",
        "X1000,0:          | OK",
        "Z0,1000,1         | OK",
        "Z0,1000           | E16",
        "Z2,1000,0         | E16",
        "Z9,1000,1         | ''",
        "Z0,1000,1;X1,0    | E16",
        "p10               | 0000000000000000",
        "pfff              | E16",
        "P0=11             | E16",
        "G00               | E16",
        "vCont;x           | E16",
        "vCont;s:9         | E16",
        "vMustReplyEmpty   | ''",
        "qTStatus          | ''",
        "!                 | ''",
        "''                | ''",
      })
  void shouldAnswerWithoutTheVmRunning(String packet, String expected) {
    Commands.Reply reply = commands.answer(packet.strip());
    assertEquals(expected, reply.text());
    assertEquals(Commands.Then.NEXT, reply.then());
  }

  @Test
  void shouldHaveRegistersInTheOrderOfTheDescription() {
    CpuState state = vm.states[0];
    for (int i = 0; i < 16; i++) {
      state.gpr[i] = i;
    }
    state.rip = 0xffff_ffff_8100_0000L;
    state.cr3 = 0x1234;
    // RAX, RBX, RCX: 0, 3, 1 in the encoding's order.
    assertTrue(answer("g").startsWith("0000000000000000" + "0300000000000000" + "01"));
    assertEquals("00000081ffffffff", answer("p10"));
    String names =
        RegisterFile.description().replaceAll("(?s)<reg name=\"([^\"]*)\"[^>]*>", "@$1@");
    List<String> order =
        java.util.Arrays.stream(names.split("@"))
            .filter(word -> word.matches("[a-z_0-9]+"))
            .toList();
    assertEquals(RegisterFile.count(), order.size());
    assertEquals("rip", order.get(16));
    assertEquals("3412000000000000", answer("p%x".formatted(order.indexOf("cr3"))));
    assertEquals(24, order.indexOf("st0"));
    assertEquals(40, order.indexOf("xmm0"));
    assertEquals(57, order.indexOf("fs_base"));
  }

  @Test
  void shouldSetRegistersAndLeaveTheOthers() {
    vm.states[0].halted = true;
    assertEquals("OK", answer("P0=efcdab8967452301"));
    assertEquals(0x0123_4567_89ab_cdefL, vm.states[0].gpr[0]);
    assertTrue(vm.states[0].halted);
    assertEquals("OK", answer("P10=0010000000000000"));
    assertEquals(0x1000, vm.states[0].rip);
    assertTrue(!vm.states[0].halted, "who is sent elsewhere is not in HLT");
    String all = answer("g");
    assertEquals("OK", answer("G" + all));
    assertEquals(all, answer("g"));
    assertEquals("E0d", answer("P11=ffffffff"), "no RFLAGS");
    vm.states[0].cr0 = 1;
    assertEquals("E16", answer("P12=08000000"), "CS in protected mode");
  }

  @Test
  void shouldGiveTheDescriptionInPieces() {
    StringBuilder xml = new StringBuilder();
    String piece;
    do {
      piece = answer("qXfer:features:read:target.xml:%x,400".formatted(xml.length()));
      xml.append(piece, 1, piece.length());
    } while (piece.charAt(0) == 'm');
    assertEquals(RegisterFile.description(), xml.toString());
    assertEquals("l", answer("qXfer:features:read:target.xml:fffff,400"));
    assertEquals("E00", answer("qXfer:features:read:other.xml:0,400"));
  }

  @Test
  void shouldSetBreakpointsAndWatches() {
    answer("Z0,1000,1");
    answer("Z1,1004,1");
    answer("Z2,2000,8");
    answer("Z3,2008,1");
    answer("Z4,2010,2");
    assertEquals(Set.of(0x1000L, 0x1004L), vm.breakpoints);
    assertEquals(
        Set.of(
            new DebugStops.Watch(0x2000, 8, false, true),
            new DebugStops.Watch(0x2008, 1, true, false),
            new DebugStops.Watch(0x2010, 2, true, true)),
        Set.copyOf(vm.watches));
    answer("z0,1000,1");
    answer("z3,2008,1");
    assertEquals(Set.of(0x1004L), vm.breakpoints);
    assertEquals(2, vm.watches.size());
    for (int i = 0; i < 1021; i++) {
      assertEquals("OK", answer("Z0,%x,1".formatted(0x1_0000 + i)));
    }
    assertEquals("E1c", answer("Z0,5,1"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "c                | 0 1 | ''",
        "s                | ''  | 0",
        "C05              | 0 1 | ''",
        "vCont;c          | 0 1 | ''",
        "vCont;s:2        | ''  | 1",
        "vCont;s:1;c      | 1   | 0",
        "vCont;c:2;s:1    | 1   | 0",
        "vCont;S05:1;c:-1 | 1   | 0",
      })
  void shouldLetRunWhoIsNamed(String packet, String running, String stepping) {
    assertEquals(Commands.Then.RUN, commands.answer(packet.strip()).then());
    assertEquals(numbers(running), vm.running);
    assertEquals(numbers(stepping), vm.stepping);
  }

  private static Set<Integer> numbers(String text) {
    return java.util.Arrays.stream(text.strip().split(" "))
        .filter(word -> !word.isEmpty())
        .map(Integer::valueOf)
        .collect(java.util.stream.Collectors.toSet());
  }

  @Test
  void shouldSayWhyItStopped() {
    answer("qSupported:multiprocess+;swbreak+;hwbreak+");
    answer("Z0,1000,1");
    answer("Z1,1004,1");
    answer("Z3,2000,4");
    assertEquals("T05thread:2;swbreak:;", stop(Debugger.Cause.BREAKPOINT, 1, 0x1000));
    assertEquals("T05thread:1;hwbreak:;", stop(Debugger.Cause.BREAKPOINT, 0, 0x1004));
    assertEquals("T05thread:1;rwatch:2000;", stop(Debugger.Cause.WATCH, 0, 0x2000));
    assertEquals("T02thread:1;", stop(Debugger.Cause.INTERRUPTED, 0, 0));
    assertEquals("T05thread:2;", stop(Debugger.Cause.STEP, 1, 0));
    assertEquals("T05thread:2;", answer("?"));
    assertEquals("QC2", answer("qC"));
    assertEquals("T0bthread:1;", stop(Debugger.Cause.CRASH, 0, 0));
    assertEquals("W00", stop(Debugger.Cause.ENDED, 0, 0));
  }

  private String stop(Debugger.Cause cause, int vcpu, long gva) {
    return commands.stopped(new Debugger.Stop(cause, vcpu, gva));
  }
}
