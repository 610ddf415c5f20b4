package org.redoubt.firmware.internal;

import java.util.Map;
import java.util.Optional;

/**
 * A command whose checks all passed.
 *
 * @param question what policies are told beside command and guest; empty: policies are not asked
 * @param action carries it out, and returns a refusal only if nothing has changed
 * @param abandon clears what the checks have made, when a policy refuses
 */
public record Approval(Optional<Map<String, String>> question, Action action, Runnable abandon)
    implements Decision {
  /** The part of a command that changes something. */
  @FunctionalInterface
  public interface Action {
    /** Empty when it is done. */
    Optional<Refusal> carryOut();
  }

  /** An approval that policies are not asked about. */
  public static Approval of(Action action) {
    return new Approval(Optional.empty(), action, () -> {});
  }

  /** As {@link #of}, for actions that cannot fail. */
  public static Approval done(Runnable action) {
    return of(() -> {
      action.run();
      return Optional.empty();
    });
  }

  /** An approval that policies are asked about first. */
  public static Approval asking(Map<String, String> details, Action action) {
    return new Approval(Optional.of(details), action, () -> {});
  }

  /** As this, with something to clear when a policy refuses. */
  public Approval orElse(Runnable cleanUp) {
    return new Approval(question, action, cleanUp);
  }
}
