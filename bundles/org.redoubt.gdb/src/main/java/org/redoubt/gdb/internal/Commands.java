package org.redoubt.gdb.internal;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.cpu.DebugStops;
import org.redoubt.api.vm.Debugger;
import org.redoubt.api.vm.VmEnd;

/**
 * What packets ask of a VM that stands still. Threads are vCPUs, numbered from 1. GDB manual,
 * appendices E.2 to E.4. Whatever is in a packet, the answer is one of the protocol's: empty for
 * what is not known, {@code Exx} for what cannot be.
 */
final class Commands {
  /** What is to be done once the answer is sent. */
  enum Then {
    NEXT,
    /** No answer now: one comes when the VM stops. */
    RUN,
    NO_ACKNOWLEDGEMENTS,
    DETACH,
    KILL
  }

  /** An answer. */
  record Reply(String text, Then then) {
    static Reply of(String text) {
      return new Reply(text, Then.NEXT);
    }
  }

  private static final Reply OK = Reply.of("OK");
  private static final Reply UNKNOWN = Reply.of("");

  // Errors, after Linux' errno.
  private static final Reply NO_THREAD = Reply.of("E03");
  private static final Reply NO_MEMORY = Reply.of("E0e");
  private static final Reply NOT_ALLOWED = Reply.of("E0d");
  private static final Reply WRONG = Reply.of("E16");
  private static final Reply TOO_MANY = Reply.of("E1c");

  private static final int MOST_STOPS = 1024;
  private static final int MOST_WATCHED_BYTES = 1 << 20;
  private static final int SIGINT = 2;
  private static final int SIGTRAP = 5;
  private static final int SIGSEGV = 11;

  /** A breakpoint or watch as gdb numbers kinds: Z0 to Z4. */
  private record Point(int kind, long gva, long bytes) {
    static final int SOFTWARE = 0;
    static final int HARDWARE = 1;
    static final int WRITE = 2;
    static final int READ = 3;
    static final int ACCESS = 4;

    DebugStops.Watch watch() {
      return new DebugStops.Watch(gva, bytes, kind != WRITE, kind != READ);
    }
  }

  private final Debugger debugger;
  private final int vcpus;
  private final Set<Point> points = new HashSet<>();
  private int current;
  private boolean saysBreaks;
  private String lastStop;

  /**
   * @param debugger of a VM that stands still
   */
  Commands(Debugger debugger) {
    this.debugger = debugger;
    this.vcpus = debugger.vm().config().vcpus();
    lastStop = "T%02xthread:1;".formatted(SIGTRAP);
  }

  /** Answers a packet. The VM stands still. */
  Reply answer(String packet) {
    try {
      return packet.isEmpty() ? UNKNOWN : answer(packet.charAt(0), packet.substring(1));
    } catch (IllegalArgumentException e) {
      return WRONG;
    } catch (HypervisorException e) {
      return NOT_ALLOWED;
    }
  }

  private Reply answer(char kind, String rest) throws HypervisorException {
    return switch (kind) {
      case '?' -> Reply.of(lastStop);
      case 'g' -> Reply.of(RegisterFile.all(debugger.registers(current)));
      case 'G' -> setAll(rest);
      case 'p' -> one(rest);
      case 'P' -> setOne(rest);
      case 'm' -> read(rest);
      case 'M' -> write(rest, false);
      case 'X' -> write(rest, true);
      case 'Z' -> insert(rest);
      case 'z' -> remove(rest);
      case 'c', 's', 'C', 'S' -> resume(kind, rest);
      case 'v' -> verbose(rest);
      case 'q' -> query(rest);
      case 'Q' ->
          rest.equals("StartNoAckMode") ? new Reply("OK", Then.NO_ACKNOWLEDGEMENTS) : UNKNOWN;
      case 'H' -> choose(rest);
      case 'T' -> {
        thread(rest);
        yield OK;
      }
      case 'D' -> new Reply("OK", Then.DETACH);
      case 'k' -> new Reply("", Then.KILL);
      default -> UNKNOWN;
    };
  }

  // Threads

  /** Number of the vCPU of a thread. */
  private int thread(String text) {
    int number = Hex.number(text, 0xffff);
    if (number < 1 || number > vcpus) {
      throw new IllegalArgumentException("thread " + number);
    }
    return number - 1;
  }

  private Reply choose(String rest) {
    if (rest.isEmpty() || rest.charAt(0) != 'g' && rest.charAt(0) != 'c') {
      return WRONG;
    }
    String which = rest.substring(1);
    if (which.equals("-1") || which.equals("0")) {
      return OK;
    }
    try {
      int vcpu = thread(which);
      current = rest.charAt(0) == 'g' ? vcpu : current;
      return OK;
    } catch (IllegalArgumentException e) {
      return NO_THREAD;
    }
  }

  private String threads() {
    StringBuilder text = new StringBuilder("m1");
    for (int i = 2; i <= vcpus; i++) {
      text.append(",%x".formatted(i));
    }
    return text.toString();
  }

  private Reply describe(String which) throws HypervisorException {
    int vcpu = thread(which);
    CpuState state = debugger.registers(vcpu);
    String text =
        "vCPU %d, CPL %d%s"
            .formatted(
                vcpu, state.attributes[CpuState.SS] >> 5 & 3, state.halted ? ", halted" : "");
    return Reply.of(Hex.text(text.getBytes(StandardCharsets.US_ASCII)));
  }

  // Registers

  private Reply one(String number) throws HypervisorException {
    int which = Hex.number(number, RegisterFile.count() - 1);
    return Reply.of(RegisterFile.one(debugger.registers(current), which));
  }

  private Reply setOne(String rest) throws HypervisorException {
    int equals = rest.indexOf('=');
    if (equals < 0) {
      return WRONG;
    }
    int which = Hex.number(rest.substring(0, equals), RegisterFile.count() - 1);
    CpuState state = debugger.registers(current);
    RegisterFile.set(state, which, rest.substring(equals + 1));
    debugger.setRegisters(current, state);
    return OK;
  }

  private Reply setAll(String hex) throws HypervisorException {
    CpuState state = debugger.registers(current);
    RegisterFile.setAll(state, hex);
    debugger.setRegisters(current, state);
    return OK;
  }

  // Memory

  private Reply read(String rest) throws HypervisorException {
    String[] parts = rest.split(",", 2);
    if (parts.length < 2) {
      return WRONG;
    }
    long gva = Hex.number(parts[0]);
    byte[] bytes = new byte[Hex.number(parts[1], Packets.MOST_BYTES / 2)];
    int count = debugger.read(current, gva, MemorySegment.ofArray(bytes));
    return count == 0 && bytes.length > 0
        ? NO_MEMORY
        : Reply.of(Hex.text(java.util.Arrays.copyOf(bytes, count)));
  }

  private Reply write(String rest, boolean binary) throws HypervisorException {
    int comma = rest.indexOf(',');
    int colon = rest.indexOf(':');
    if (comma < 0 || colon < comma) {
      return WRONG;
    }
    long gva = Hex.number(rest.substring(0, comma));
    int length = Hex.number(rest.substring(comma + 1, colon), Packets.MOST_BYTES);
    String data = rest.substring(colon + 1);
    byte[] bytes = binary ? Packets.unescape(data) : Hex.bytes(data);
    if (bytes.length != length) {
      return WRONG;
    }
    if (length > 0 && debugger.read(current, gva, MemorySegment.ofArray(new byte[1])) == 0) {
      return NO_MEMORY;
    }
    debugger.write(current, gva, MemorySegment.ofArray(bytes));
    return OK;
  }

  // Breakpoints and watches

  private static Point point(String rest) {
    String[] parts = rest.split(",", 3);
    if (parts.length < 3) {
      throw new IllegalArgumentException("too few parts");
    }
    int semicolon = parts[2].indexOf(';');
    if (semicolon >= 0) { // conditions and commands were not offered
      throw new IllegalArgumentException("conditions");
    }
    int kind = Hex.number(parts[0], Point.ACCESS);
    int bytes = Hex.number(parts[2], MOST_WATCHED_BYTES);
    boolean breaks = kind == Point.SOFTWARE || kind == Point.HARDWARE;
    if (!breaks && bytes == 0) {
      throw new IllegalArgumentException("an empty watch");
    }
    return new Point(kind, Hex.number(parts[1]), breaks ? 1 : bytes);
  }

  private static boolean isPoint(String rest) {
    return rest.length() > 1 && rest.charAt(0) >= '0' && rest.charAt(0) <= '4';
  }

  private Reply insert(String rest) throws HypervisorException {
    if (!isPoint(rest)) {
      return UNKNOWN;
    }
    Point point = point(rest);
    if (points.size() >= MOST_STOPS) {
      return TOO_MANY;
    }
    points.add(point);
    tell();
    return OK;
  }

  private Reply remove(String rest) throws HypervisorException {
    if (!isPoint(rest)) {
      return UNKNOWN;
    }
    points.remove(point(rest));
    tell();
    return OK;
  }

  private void tell() throws HypervisorException {
    Set<Long> breakpoints = new HashSet<>();
    List<DebugStops.Watch> watches = new ArrayList<>();
    for (Point point : points) {
      if (point.kind <= Point.HARDWARE) {
        breakpoints.add(point.gva);
      } else {
        watches.add(point.watch());
      }
    }
    debugger.stops(breakpoints, watches);
  }

  // Running

  /** Without vCont: {@code c} lets all run, {@code s} steps the current one and holds the rest. */
  private Reply resume(char kind, String rest) throws HypervisorException {
    boolean signal = kind == 'C' || kind == 'S';
    int semicolon = rest.indexOf(';');
    String address = !signal ? rest : semicolon < 0 ? "" : rest.substring(semicolon + 1);
    if (!address.isEmpty()) {
      CpuState state = debugger.registers(current);
      state.rip = Hex.number(address);
      state.halted = false;
      debugger.setRegisters(current, state);
    }
    if (kind == 'c' || kind == 'C') {
      debugger.run(everybody(), Set.of());
    } else {
      debugger.run(Set.of(), Set.of(current));
    }
    return new Reply("", Then.RUN);
  }

  private Set<Integer> everybody() {
    Set<Integer> all = new HashSet<>();
    for (int i = 0; i < vcpus; i++) {
      all.add(i);
    }
    return all;
  }

  private Reply verbose(String rest) throws HypervisorException {
    if (rest.equals("Cont?")) {
      return Reply.of("vCont;c;C;s;S");
    }
    if (rest.startsWith("Cont;")) {
      return resumeEach(rest.substring(5));
    }
    return rest.startsWith("Kill") ? new Reply("OK", Then.KILL) : UNKNOWN;
  }

  /** The first action that names a thread counts for it; those that none names stand still. */
  private Reply resumeEach(String text) throws HypervisorException {
    Map<Integer, Character> actions = new LinkedHashMap<>();
    for (String part : text.split(";")) {
      int colon = part.indexOf(':');
      String action = colon < 0 ? part : part.substring(0, colon);
      String who = colon < 0 ? "-1" : part.substring(colon + 1);
      if (!action.matches("[cs]|[CS][0-9a-fA-F]{2}")) {
        return WRONG;
      }
      char what = Character.toLowerCase(action.charAt(0));
      if (who.equals("-1")) {
        everybody().forEach(vcpu -> actions.putIfAbsent(vcpu, what));
      } else {
        actions.putIfAbsent(who.equals("0") ? current : thread(who), what);
      }
    }
    Set<Integer> running = new HashSet<>();
    Set<Integer> stepping = new HashSet<>();
    actions.forEach((vcpu, what) -> (what == 'c' ? running : stepping).add(vcpu));
    debugger.run(running, stepping);
    return new Reply("", Then.RUN);
  }

  // Queries

  private Reply query(String rest) throws HypervisorException {
    String name = rest.split("[:,;]", 2)[0];
    String arguments = rest.length() > name.length() ? rest.substring(name.length() + 1) : "";
    return switch (name) {
      case "Supported" -> {
        saysBreaks = List.of(arguments.split(";")).contains("swbreak+");
        yield Reply.of(
            "PacketSize=%x;qXfer:features:read+;vContSupported+;QStartNoAckMode+;swbreak+;hwbreak+"
                .formatted(Packets.MOST_BYTES));
      }
      case "Xfer" -> transfer(arguments);
      case "fThreadInfo" -> Reply.of(threads());
      case "sThreadInfo" -> Reply.of("l");
      case "ThreadExtraInfo" -> describe(arguments);
      case "C" -> Reply.of("QC%x".formatted(current + 1));
      case "Attached" -> Reply.of("1");
      case "Symbol" -> OK;
      default -> UNKNOWN;
    };
  }

  private static Reply transfer(String arguments) {
    String[] parts = arguments.split(":", 4);
    if (parts.length < 4 || !parts[0].equals("features") || !parts[1].equals("read")) {
      return UNKNOWN;
    }
    String[] range = parts[3].split(",", 2);
    if (!parts[2].equals("target.xml") || range.length < 2) {
      return Reply.of("E00");
    }
    String xml = RegisterFile.description();
    int from = Math.min(Hex.number(range[0], Integer.MAX_VALUE), xml.length());
    int length = Math.min(Hex.number(range[1], Integer.MAX_VALUE), Packets.MOST_BYTES / 2);
    int to = Math.min(xml.length() - from, length) + from;
    return Reply.of((to == xml.length() ? 'l' : 'm') + xml.substring(from, to));
  }

  // Stops

  /** What is sent when the VM has stopped. */
  String stopped(Debugger.Stop stop) {
    current = stop.vcpu();
    lastStop =
        switch (stop.cause()) {
          case INTERRUPTED -> stop(SIGINT, stop, "");
          case STEP -> stop(SIGTRAP, stop, "");
          case BREAKPOINT -> stop(SIGTRAP, stop, breakpoint(stop.gva()));
          case WATCH -> stop(SIGTRAP, stop, watch(stop.gva()));
          case CRASH -> stop(SIGSEGV, stop, "");
          case ENDED ->
              "W%02x".formatted(debugger.vm().end().map(VmEnd::exitCode).orElse(0) & 0xff);
        };
    return lastStop;
  }

  private static String stop(int signal, Debugger.Stop stop, String reason) {
    return "T%02xthread:%x;%s".formatted(signal, stop.vcpu() + 1, reason);
  }

  private String breakpoint(long gva) {
    if (!saysBreaks) {
      return "";
    }
    return points.contains(new Point(Point.SOFTWARE, gva, 1)) ? "swbreak:;" : "hwbreak:;";
  }

  private String watch(long gva) {
    for (Point point : points) {
      if (point.kind > Point.HARDWARE && point.gva == gva) {
        String name =
            point.kind == Point.WRITE ? "watch" : point.kind == Point.READ ? "rwatch" : "awatch";
        return "%s:%x;".formatted(name, gva);
      }
    }
    return "";
  }
}
