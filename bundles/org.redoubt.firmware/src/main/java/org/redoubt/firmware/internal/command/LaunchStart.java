package org.redoubt.firmware.internal.command;

import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.SevCommand;

/**
 * LAUNCH_START: a new guest in state LUPDATE. With DH certificate and session its transport keys
 * are the guest owner's; without either, nobody can verify the launch. Its statuses: {@link
 * StartGuest}.
 */
final class LaunchStart extends StartGuest {
  LaunchStart() {
    super(SevCommand.LAUNCH_START, GuestState.LUPDATE);
  }
}
