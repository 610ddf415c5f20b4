package org.redoubt.firmware.internal;

import java.security.MessageDigest;
import org.jspecify.annotations.Nullable;
import org.redoubt.crypto.Primitives;
import org.redoubt.firmware.internal.keys.GuestKeys;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.command.Measurement;

/** The context of one guest. Changed only under the platform's command lock. */
public final class Guest {
  private final int handle;
  private final GuestPolicy policy;
  private final GuestKeys keys;
  private GuestState state;
  private MessageDigest launchDigest = Primitives.runningSha256();
  private @Nullable Measurement measurement;
  private final boolean launchedHere;
  private int asid;
  private @Nullable RfcStream stream;

  /** A guest in state LUPDATE or RUPDATE; takes {@code keys} over. */
  public Guest(int handle, GuestPolicy policy, GuestKeys keys, GuestState state) {
    this.state = state;
    this.handle = handle;
    this.policy = policy;
    this.keys = keys;
    this.launchedHere = state == GuestState.LUPDATE;
  }

  public int handle() {
    return handle;
  }

  public GuestPolicy policy() {
    return policy;
  }

  public GuestKeys keys() {
    return keys;
  }

  public GuestState state() {
    return state;
  }

  public void setState(GuestState next) {
    state = next;
  }

  /** The ASID, 0 for none. */
  public int asid() {
    return asid;
  }

  public void setAsid(int next) {
    asid = next;
  }

  /**
   * A copy of the running digest, to be put back by {@link #setLaunchDigest} once its bytes are in
   * place.
   */
  public MessageDigest copyLaunchDigest() {
    return Primitives.copy(launchDigest);
  }

  public void setLaunchDigest(MessageDigest digest) {
    launchDigest = digest;
  }

  /** The digest of everything launched so far. */
  public byte[] launchDigest() {
    return copyLaunchDigest().digest();
  }

  /** Whether its digest is of what was launched here; a received guest has none. */
  public boolean launchedHere() {
    return launchedHere;
  }

  /** Its way to or from another platform, in the seed's profile; none otherwise. */
  public @Nullable RfcStream stream() {
    return stream;
  }

  public void setStream(@Nullable RfcStream next) {
    stream = next;
  }

  /** What LAUNCH_MEASURE gave out; none before. */
  public @Nullable Measurement measurement() {
    return measurement;
  }

  public void setMeasurement(Measurement given) {
    measurement = given;
  }
}
