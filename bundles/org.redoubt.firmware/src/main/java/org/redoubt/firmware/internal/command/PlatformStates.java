package org.redoubt.firmware.internal.command;

import java.util.EnumSet;
import java.util.Set;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.PlatformState;

/**
 * The sets of states that commands use. Source: AMDESE/sev-tool {@code sevapi.h}, its tables of
 * allowed commands.
 */
final class PlatformStates {
  static final Set<PlatformState> ANY = EnumSet.allOf(PlatformState.class);
  static final Set<PlatformState> UNINIT = EnumSet.of(PlatformState.UNINIT);
  static final Set<PlatformState> INIT = EnumSet.of(PlatformState.INIT);
  static final Set<PlatformState> INITIALIZED =
      EnumSet.of(PlatformState.INIT, PlatformState.WORKING);

  /** Every state of a guest that exists. */
  static final Set<GuestState> ANY_GUEST = EnumSet.complementOf(EnumSet.of(GuestState.UNINIT));

  private PlatformStates() {}
}
