package org.redoubt.firmware.internal.command;

import java.lang.foreign.MemorySegment;
import org.redoubt.crypto.SecretBytes;
import org.redoubt.crypto.TransportKeys;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.SevCommand;

/**
 * LAUNCH_START of the seed's profile: with an owner's point and nonce, of which the transport keys
 * follow, or all zeros: nobody's guest. Its statuses: {@link RfcStart}.
 */
public final class RfcLaunchStart extends RfcStart {
  /** The one there is. */
  public RfcLaunchStart() {
    super(SevCommand.LAUNCH_START, RfcBuffers.START, GuestState.LUPDATE);
  }

  @Override
  boolean allowsNobody() {
    return true;
  }

  @Override
  TransportKeys.Opened keys(MemorySegment buffer, SecretBytes z, GuestPolicy policy) {
    return new TransportKeys.Opened.Keys(
        TransportKeys.agreed(z, RfcBuffers.get(RfcBuffers.START, "NONCE", buffer)));
  }
}
