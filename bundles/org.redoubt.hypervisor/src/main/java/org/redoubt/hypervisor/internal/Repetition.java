package org.redoubt.hypervisor.internal;

import java.io.Closeable;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuEngine;
import org.redoubt.api.vm.VmConfig;

/**
 * What makes a VM's run one that can be repeated: its time is counted ({@link CountedClock}), its
 * random numbers come from a seed, and what comes from outside does so between two runs of the one
 * engine, at an instruction that is recorded or was. The vCPU's thread's, but for {@link #hash()}.
 *
 * <p>Options: {@code icount} ({@code on}), {@code icount.seed}, {@code icount.record} and {@code
 * icount.replay}, files.
 */
final class Repetition implements Closeable {
  static final String OPTION = "icount";

  /** The time of day when nobody recorded one: 2026-01-01. */
  private static final long DEFAULT_EPOCH_NS = 1_767_225_600_000_000_000L;

  private static final long MOST_TYPED = 4096;

  private final SplittableRandom random;
  private final long seed;
  private final long epochNs;
  private final Recording.@Nullable Writer writer;
  private final @Nullable Recording replayed;
  private int nextEvent;

  private @Nullable Machine machine;
  private @Nullable CountedClock clock;
  private @Nullable CpuEngine engine;
  private volatile @Nullable String hash;

  private Repetition(
      long seed, long epochNs, Recording.@Nullable Writer writer, @Nullable Recording replayed) {
    this.seed = seed;
    this.epochNs = epochNs;
    this.writer = writer;
    this.replayed = replayed;
    random = new SplittableRandom(seed);
  }

  /**
   * As a VM's options want it.
   *
   * @throws HypervisorException if they do not go together, or a file is not what it should be
   */
  static Optional<Repetition> of(VmConfig config) throws HypervisorException {
    Map<String, String> options = config.options();
    String record = options.get(OPTION + ".record");
    String replay = options.get(OPTION + ".replay");
    if (!options.getOrDefault(OPTION, "off").equals("on")) {
      if (record != null || replay != null || options.containsKey(OPTION + ".seed")) {
        throw new HypervisorException("A seed, a recording or a replay takes --icount");
      }
      return Optional.empty();
    }
    if (config.vcpus() != 1) {
      throw new HypervisorException(
          "--icount counts the instructions of one vCPU, not of %d".formatted(config.vcpus()));
    }
    if (options.keySet().stream().anyMatch(key -> key.startsWith("net0."))) {
      throw new HypervisorException(
          "--icount takes no network: what comes from it is not recorded");
    }
    if (options.keySet().stream().anyMatch(key -> key.startsWith("balloon0."))) {
      throw new HypervisorException(
          "--icount takes no balloon: what is left of a page is not the same each time");
    }
    if (record != null && replay != null) {
      throw new HypervisorException("One run either records or replays");
    }
    if (replay != null) {
      Recording recording = Recording.read(Path.of(replay), config);
      return Optional.of(new Repetition(recording.seed(), recording.epochNs(), null, recording));
    }
    long seed = seed(options.getOrDefault(OPTION + ".seed", "0"));
    if (record == null) {
      return Optional.of(new Repetition(seed, DEFAULT_EPOCH_NS, null, null));
    }
    long epochNs = System.currentTimeMillis() * 1_000_000L;
    Recording.Writer writer = new Recording.Writer(Path.of(record), config, seed, epochNs);
    return Optional.of(new Repetition(seed, epochNs, writer, null));
  }

  private static long seed(String text) throws HypervisorException {
    try {
      return Long.decode(text);
    } catch (NumberFormatException e) {
      throw new HypervisorException("Seed %s: it takes a number of 64 bits".formatted(text), e);
    }
  }

  long seed() {
    return seed;
  }

  long epochNs() {
    return epochNs;
  }

  long random() {
    synchronized (random) {
      return random.nextLong();
    }
  }

  void random(byte[] target) {
    synchronized (random) {
      random.nextBytes(target);
    }
  }

  /** Connects it; before the first run. */
  void connect(Machine itsMachine, CountedClock itsClock, CpuEngine itsEngine)
      throws HypervisorException {
    if (!itsEngine.countExactly()) {
      throw new HypervisorException("This CPU engine does not count instructions exactly");
    }
    machine = itsMachine;
    clock = itsClock;
    engine = itsEngine;
    itsClock.count(itsEngine);
  }

  // Between two runs

  /**
   * Does all that is due.
   *
   * @return for how many instructions to run; 0 if the recording is over
   * @throws Left if the run is another one than was recorded
   */
  long beforeRun() {
    CountedClock now = java.util.Objects.requireNonNull(clock);
    while (true) {
      now.fireDue();
      if (fromOutside(now)) {
        continue;
      }
      Recording.Event next = next();
      if (next != null && next.endedFromOutside() && isNow(next, now)) {
        return 0;
      }
      long untilNs = now.firstDeadlineNs();
      if (next != null) {
        // The guest ends what it ends itself: by the instruction after that the two have parted.
        boolean endsItself = next.kind() == Recording.END && !next.endedFromOutside();
        long left = next.instructions() - retired() + (endsItself ? 1 : 0);
        if (endsItself && left <= 0) {
          throw new Left(retired());
        }
        untilNs = left > 0 ? Math.min(untilNs, now.nowNs() + left) : untilNs;
      }
      if (untilNs > now.nowNs()) {
        now.runsUntil(untilNs);
        return untilNs == Long.MAX_VALUE ? Long.MAX_VALUE : untilNs - now.nowNs();
      }
    }
  }

  /** The vCPU has halted: time goes on to what is next. Says whether there is anything. */
  boolean skip() {
    CountedClock now = java.util.Objects.requireNonNull(clock);
    long untilNs = now.firstDeadlineNs();
    Recording.Event next = next();
    if (next != null && next.instructions() == retired()) {
      untilNs = Math.min(untilNs, next.ns());
    }
    if (untilNs == Long.MAX_VALUE) {
      return false;
    }
    if (untilNs > now.nowNs()) {
      now.skipTo(untilNs);
    }
    return true;
  }

  private long retired() {
    return java.util.Objects.requireNonNull(engine).retired();
  }

  private Recording.@Nullable Event next() {
    List<Recording.Event> events = replayed == null ? List.of() : replayed.events();
    return nextEvent < events.size() ? events.get(nextEvent) : null;
  }

  private boolean isNow(Recording.Event event, CountedClock now) {
    if (event.instructions() < retired()
        || event.instructions() == retired() && event.ns() < now.nowNs()) {
      throw new Left(retired());
    }
    return event.instructions() == retired() && event.ns() == now.nowNs();
  }

  /** Lets in what has come; says whether there was anything. */
  private boolean fromOutside(CountedClock now) {
    SerialConsole console = java.util.Objects.requireNonNull(machine).console();
    if (replayed != null) {
      console.drain();
      Recording.Event next = next();
      if (next == null || next.kind() != Recording.TYPED || !isNow(next, now)) {
        return false;
      }
      nextEvent++;
      console.arrive(next.bytes());
      return true;
    }
    if (console.waiting() >= MOST_TYPED) {
      return false;
    }
    byte[] typed = console.drain();
    if (typed.length == 0) {
      return false;
    }
    if (writer != null) {
      writer.add(new Recording.Event(Recording.TYPED, retired(), now.nowNs(), typed));
    }
    console.arrive(typed);
    return true;
  }

  /** A replay that is another run than the recording. */
  static final class Left extends RuntimeException {
    private static final long serialVersionUID = 1;

    Left(long instructions) {
      super(
          "The replay has left the recording before instruction %d".formatted(instructions),
          null,
          false,
          false);
    }
  }

  // The end

  /** The engine is about to be closed. */
  void end() {
    if (clock != null) {
      clock.end();
    }
  }

  /**
   * The state when it ended.
   *
   * @param digest of the state
   * @param fromOutside whether it was not the guest that ended it
   * @param remark for people, or empty
   * @return whether it is the recorded one, if one was
   */
  boolean ended(byte[] digest, boolean fromOutside, String remark) {
    String text = HexFormat.of().formatHex(digest);
    long instructions = retired();
    if (writer != null) {
      long ns = java.util.Objects.requireNonNull(clock).nowNs();
      byte[] end = Arrays.copyOf(digest, digest.length + 1);
      end[digest.length] = (byte) (fromOutside ? 1 : 0);
      writer.add(new Recording.Event(Recording.END, instructions, ns, end));
    }
    boolean same = true;
    String compared = "";
    if (replayed != null) {
      byte[] end = replayed.events().getLast().bytes();
      same = Arrays.equals(Arrays.copyOf(end, digest.length), digest);
      compared = same ? ", as recorded" : ", not as recorded";
    }
    hash = "%s after %d instructions%s%s".formatted(text, instructions, compared, remark);
    close();
    return same;
  }

  Optional<String> hash() {
    return Optional.ofNullable(hash);
  }

  /** A recording that did not come to its end stays without one. */
  @Override
  public void close() {
    if (writer != null) {
      writer.close();
    }
  }
}
