package org.redoubt.firmware.internal.command;

import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.SevCommand;

/**
 * RECEIVE_START: a new guest in state RUPDATE, with the transport keys that SEND_START of another
 * platform made: DH certificate is that platform's PDH, and it and a session have to be there. Its
 * statuses: {@link StartGuest}.
 */
final class ReceiveStart extends StartGuest {
  ReceiveStart() {
    super(SevCommand.RECEIVE_START, GuestState.RUPDATE);
  }
}
