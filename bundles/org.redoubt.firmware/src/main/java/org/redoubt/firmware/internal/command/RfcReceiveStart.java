package org.redoubt.firmware.internal.command;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.redoubt.crypto.SecretBytes;
import org.redoubt.crypto.TransportKeys;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.RfcStream;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.SevCommand;

/**
 * RECEIVE_START of the seed's profile: a guest with the transport keys that another platform has
 * wrapped for this one. Its statuses: {@link RfcStart}.
 */
public final class RfcReceiveStart extends RfcStart {
  /** The one there is. */
  public RfcReceiveStart() {
    super(SevCommand.RECEIVE_START, RfcBuffers.RECEIVE, GuestState.RUPDATE);
  }

  @Override
  boolean allowsNobody() {
    return false;
  }

  @Override
  TransportKeys.Opened keys(MemorySegment buffer, SecretBytes z, GuestPolicy policy) {
    byte[] tek = RfcBuffers.get(RfcBuffers.RECEIVE, "WRAPPED_TEK", buffer);
    byte[] tik = RfcBuffers.get(RfcBuffers.RECEIVE, "WRAPPED_TIK", buffer);
    byte[] both = Arrays.copyOf(tek, tek.length + tik.length);
    System.arraycopy(tik, 0, both, tek.length, tik.length);
    return TransportKeys.unwrap(
        both,
        z,
        RfcBuffers.get(RfcBuffers.RECEIVE, "NONCE", buffer),
        policy,
        RfcBuffers.get(RfcBuffers.RECEIVE, "POLICY_MEAS", buffer));
  }

  @Override
  void started(Guest guest, MemorySegment buffer) {
    guest.setStream(new RfcStream(RfcBuffers.get(RfcBuffers.RECEIVE, "TEN", buffer), new byte[16]));
  }
}
