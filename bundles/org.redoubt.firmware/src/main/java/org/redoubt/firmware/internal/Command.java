package org.redoubt.firmware.internal;

import java.lang.foreign.StructLayout;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.PlatformState;
import org.redoubt.spec.sev.SevCommand;

/**
 * One command of the firmware: what the dispatcher checks for it, and its own checks. One class per
 * command in {@code .command}; each lists its statuses in the order checked. Stateless, used for
 * every platform.
 */
public abstract class Command {
  private final SevCommand id;
  private final Optional<StructLayout> layout;
  private final Set<PlatformState> platformStates;

  /** A command without a buffer. */
  protected Command(SevCommand id, Set<PlatformState> platformStates) {
    this(id, Optional.empty(), platformStates);
  }

  /** A command with a buffer. */
  protected Command(SevCommand id, StructLayout layout, Set<PlatformState> platformStates) {
    this(id, Optional.of(layout), platformStates);
  }

  private Command(SevCommand id, Optional<StructLayout> layout, Set<PlatformState> platformStates) {
    this.id = id;
    this.layout = layout;
    this.platformStates = EnumSet.copyOf(platformStates);
  }

  public final SevCommand id() {
    return id;
  }

  public final Optional<StructLayout> layout() {
    return layout;
  }

  /** The platform states in which it may run. */
  public final Set<PlatformState> platformStates() {
    return platformStates;
  }

  /** Whether the buffer goes back to the host after success. */
  public boolean hasOutput() {
    return false;
  }

  /** The guest states in which it may run; empty: the command has no guest. */
  public Set<GuestState> guestStates() {
    return Set.of();
  }

  /** Where in the buffer the guest's handle is. */
  public int handleOffset() {
    return 0;
  }

  /** Whether the guest has to have an ASID. */
  public Activity activity() {
    return Activity.ANY;
  }

  /** What a command wants of its guest's ASID. */
  public enum Activity {
    ANY,
    ACTIVE,
    INACTIVE
  }

  /**
   * Checks what the dispatcher has not: platform state, buffer, reserved bytes, guest, guest state
   * and activity are done. Changes nothing.
   */
  public abstract Decision check(Call call, Optional<Guest> guest);

  /** A command about one guest. */
  public abstract static class OfGuest extends Command {
    private final Set<GuestState> states;
    private final Activity activity;

    protected OfGuest(
        SevCommand id, StructLayout layout, Set<GuestState> states, Activity activity) {
      super(id, layout, EnumSet.of(PlatformState.INIT, PlatformState.WORKING));
      this.states = EnumSet.copyOf(states);
      this.activity = activity;
    }

    @Override
    public final Set<GuestState> guestStates() {
      return states;
    }

    @Override
    public final Activity activity() {
      return activity;
    }

    @Override
    public final Decision check(Call call, Optional<Guest> guest) {
      return check(call, guest.orElseThrow(() -> new AssertionError("Bug: no guest looked up")));
    }

    /** As {@link Command#check}, with the guest. */
    protected abstract Decision check(Call call, Guest guest);
  }
}
