package org.redoubt.firmware.internal;

import java.lang.foreign.MemorySegment;
import java.time.Instant;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantLock;
import org.redoubt.api.firmware.CommandRecord;
import org.redoubt.api.memory.MemorySuspendedException;
import org.redoubt.api.memory.PageTag;
import org.redoubt.api.policy.PolicyOutcome;
import org.redoubt.api.policy.PolicyRequest;
import org.redoubt.crypto.Leftovers;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.struct.Reserved;

/**
 * Takes a command, checks what is common to all, asks the policies, has it carried out, and writes
 * it down. One command at a time, on its caller's thread. Checks shared by all commands, in this
 * order:
 *
 * <pre>
 * INVALID_COMMAND         the number stands for no command
 * UNSUPPORTED             the command is known and not here yet
 * INVALID_PLATFORM_STATE  it may not run in this state
 * INVALID_ADDRESS         the command buffer is not in memory
 * INVALID_LEN             its form is not of this dialect (RFC only)
 * INVALID_PARAM           a reserved byte of the buffer is set
 * INVALID_GUEST           no guest has the handle
 * INVALID_GUEST_STATE     it may not run in the guest's state
 * INACTIVE, ACTIVE        the guest must, or must not, have an ASID
 *                         ... the command's own checks ...
 * POLICY_FAILURE          a policy refuses
 * HWERROR_PLATFORM        memory is suspended, or the state cannot be kept
 * </pre>
 */
final class Dispatcher {
  private final Platform platform;
  private final Dialect dialect;
  private final Policies policies;
  private final History history;
  private final Map<SevCommand, Command> commands = new EnumMap<>(SevCommand.class);
  private final ReentrantLock lock = new ReentrantLock();
  private boolean closed;

  /** What is known of the command under way, for policies. */
  private PolicyRequest told = Policies.request("", Optional.empty(), Map.of());

  Dispatcher(Platform platform, Policies policies, History history, Profile profile) {
    this.dialect = profile.dialect();
    this.platform = platform;
    this.policies = policies;
    this.history = history;
    for (Command c : profile.commands()) {
      if (this.commands.put(c.id(), c) != null) {
        throw new AssertionError("Bug: two classes for " + c.id());
      }
    }
  }

  /**
   * Carries a command out and returns its status; never throws. What its ciphers left on the
   * calling thread goes.
   */
  FirmwareStatus dispatch(int command, long bufferSpa) {
    lock.lock();
    try {
      Instant at = Instant.now();
      long start = System.nanoTime();
      String name = dialect.command(command).map(SevCommand::name).orElse("UNKNOWN");
      told = Policies.request(name, Optional.empty(), Map.of());
      Optional<Refusal> refusal = run(command, bufferSpa);
      FirmwareStatus status = refusal.map(Refusal::status).orElse(FirmwareStatus.SUCCESS);
      String reason = refusal.map(Refusal::reason).orElse("");
      history.add(
          new CommandRecord(
              at, command, name, status.code(), status.name(), reason, System.nanoTime() - start));
      if (!closed) {
        policies.tell(
            told, new PolicyOutcome(at.toEpochMilli(), status.code(), status.name(), reason));
      }
      return status;
    } finally {
      lock.unlock();
      Leftovers.clear(Leftovers.OF_A_COMMAND);
    }
  }

  /** Runs {@code action} between two commands. */
  <T> T between(java.util.function.Supplier<T> action) {
    lock.lock();
    try {
      return action.get();
    } finally {
      lock.unlock();
      Leftovers.clear(Leftovers.OF_A_COMMAND);
    }
  }

  /** Lets no further command run. */
  void close() {
    lock.lock();
    try {
      closed = true;
    } finally {
      lock.unlock();
    }
  }

  private Optional<Refusal> run(int id, long bufferSpa) {
    if (closed) {
      return Optional.of(
          Refusal.of(FirmwareStatus.HWERROR_PLATFORM, "The secure processor is switched off"));
    }
    try {
      return decideAndCarryOut(id, bufferSpa);
    } catch (MemorySuspendedException e) {
      return Optional.of(Refusal.of(FirmwareStatus.HWERROR_PLATFORM, "Memory is suspended: %s", e));
    } catch (RuntimeException e) {
      // Our own fault: this command fails, the next ones run.
      return Optional.of(Refusal.of(FirmwareStatus.HWERROR_PLATFORM, "Bug in the firmware: %s", e));
    }
  }

  private Optional<Refusal> decideAndCarryOut(int id, long bufferSpa) {
    Optional<SevCommand> known = dialect.command(id);
    if (known.isEmpty()) {
      return Optional.of(
          Refusal.of(FirmwareStatus.INVALID_COMMAND, "CMDRESP: expected a command, found %Xh", id));
    }
    Command command = commands.get(known.get());
    if (command == null) {
      return Optional.of(
          Refusal.of(
              FirmwareStatus.UNSUPPORTED, "%s is not supported by this firmware", known.get()));
    }
    if (!command.platformStates().contains(platform.state())) {
      return Optional.of(
          Refusal.of(
              FirmwareStatus.INVALID_PLATFORM_STATE,
              "Platform state: expected %s, found %s",
              command.platformStates(),
              platform.state()));
    }
    int bytes = dialect.bytes(command.id());
    if (bytes > 0 && !platform.memory().config().addressMap().isDram(bufferSpa, bytes)) {
      return Optional.of(
          Refusal.of(
              FirmwareStatus.INVALID_ADDRESS,
              "Command buffer: expected %d bytes of memory, found %Xh outside of it",
              bytes,
              bufferSpa));
    }
    MemorySegment raw = MemorySegment.ofArray(new byte[bytes]);
    if (bytes > 0) {
      platform.memory().view(PageTag.SHARED).read(bufferSpa, raw);
    }
    MemorySegment buffer =
        MemorySegment.ofArray(new byte[command.layout().map(l -> (int) l.byteSize()).orElse(0)]);
    Optional<Refusal> unreadable = dialect.decode(command.id(), raw, buffer);
    if (unreadable.isPresent()) {
      return unreadable;
    }
    Optional<Reserved.Violation> mbz =
        command.layout().flatMap(l -> Reserved.firstNonZero(l, buffer));
    if (mbz.isPresent()) {
      return Optional.of(Refusal.of(FirmwareStatus.INVALID_PARAM, "%s", mbz.get()));
    }
    Call call = new Call(platform, buffer, bufferSpa);
    return withGuest(command, call, raw);
  }

  private Optional<Refusal> withGuest(Command command, Call call, MemorySegment raw) {
    Optional<Guest> guest = Optional.empty();
    if (!command.guestStates().isEmpty()) {
      int handle = call.buffer().get(org.redoubt.struct.Layouts.LE32, command.handleOffset());
      guest = platform.guest(handle);
      if (guest.isEmpty()) {
        return Optional.of(
            Refusal.of(
                FirmwareStatus.INVALID_GUEST,
                "HANDLE: expected one of %d guests, found %Xh",
                platform.guestCount(),
                handle));
      }
      told = Policies.request(command.id().name(), guest, Map.of());
      Optional<Refusal> bad = checkGuest(command, guest.get());
      if (bad.isPresent()) {
        return bad;
      }
    }
    return switch (command.check(call, guest)) {
      case Refusal r -> {
        if (r.writesBuffer()) {
          giveBack(command, call, raw);
        }
        yield Optional.of(r);
      }
      case Approval a -> {
        told = Policies.request(command.id().name(), guest, details(a.question().orElse(Map.of())));
        Optional<Refusal> refused =
            a.question().isPresent() ? policies.ask(told) : Optional.empty();
        if (refused.isPresent()) {
          a.abandon().run();
        } else {
          refused = a.action().carryOut();
          if (refused.isEmpty() && command.hasOutput()) {
            giveBack(command, call, raw);
          }
        }
        yield refused;
      }
    };
  }

  /** What a command says, and whose platform this is. */
  private Map<String, String> details(Map<String, String> ofCommand) {
    Map<String, String> all = new TreeMap<>(ofCommand);
    platform
        .keysIfInitialized()
        .ifPresent(k -> {
          all.put("PLATFORM_OCA", k.ocaFingerprint());
          all.put("PLATFORM_OWNED", k.owned() ? "1" : "0");
        });
    return all;
  }

  private static Optional<Refusal> checkGuest(Command command, Guest guest) {
    if (!command.guestStates().contains(guest.state())) {
      return Optional.of(
          Refusal.of(
              FirmwareStatus.INVALID_GUEST_STATE,
              "Guest %d: expected state %s, found %s",
              guest.handle(),
              command.guestStates(),
              guest.state()));
    }
    if (command.activity() == Command.Activity.ACTIVE && guest.asid() == 0) {
      return Optional.of(
          Refusal.of(
              FirmwareStatus.INACTIVE,
              "Guest %d: expected an ASID (ACTIVATE), found none",
              guest.handle()));
    }
    if (command.activity() == Command.Activity.INACTIVE && guest.asid() != 0) {
      return Optional.of(
          Refusal.of(
              FirmwareStatus.ACTIVE,
              "Guest %d: expected no ASID, found %d",
              guest.handle(),
              guest.asid()));
    }
    return Optional.empty();
  }

  private void giveBack(Command command, Call call, MemorySegment raw) {
    dialect.encode(command.id(), call.buffer(), raw);
    platform.memory().view(PageTag.SHARED).write(call.bufferSpa(), raw);
  }
}
