package org.redoubt.hypervisor.internal;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.guest.LaunchPlan;
import org.redoubt.api.vm.Launch;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.command.Measurement;

/** A guest that the firmware has measured, from LAUNCH_MEASURE on. */
final class SevLaunch implements Launch {
  private final Psp psp;
  private final GuestMemory memory;
  private final int handle;
  private final GuestPolicy policy;
  private final boolean owned;
  private final Measurement measurement;
  private final Optional<LaunchPlan.SecretArea> area;
  private final List<Step> log;
  private List<LaunchPlan.Region> image;
  private int secretBytes;
  private boolean finished;
  private boolean gone;

  SevLaunch(
      Psp psp,
      GuestMemory memory,
      int handle,
      GuestPolicy policy,
      boolean owned,
      LaunchPlan plan,
      Measurement measurement) {
    this.psp = psp;
    this.memory = memory;
    this.handle = handle;
    this.policy = policy;
    this.owned = owned;
    this.measurement = measurement;
    this.area = plan.secret();
    this.image = plan.regions();
    this.log = log(plan.regions());
  }

  private static List<Step> log(List<LaunchPlan.Region> regions) {
    try {
      MessageDigest running = MessageDigest.getInstance("SHA-256");
      List<Step> steps = new ArrayList<>();
      for (LaunchPlan.Region region : regions) {
        running.update(region.bytes().asByteBuffer());
        byte[] digest = ((MessageDigest) running.clone()).digest();
        steps.add(new Step(region.name(), region.gpa(), region.bytes().byteSize(), digest));
      }
      return List.copyOf(steps);
    } catch (NoSuchAlgorithmException | CloneNotSupportedException e) {
      throw new AssertionError("bug: every JDK has SHA-256, and it can be cloned", e);
    }
  }

  @Override
  public GuestPolicy policy() {
    return policy;
  }

  @Override
  public boolean owned() {
    return owned;
  }

  @Override
  public List<Step> log() {
    return log;
  }

  @Override
  public synchronized List<LaunchPlan.Region> image() {
    return image;
  }

  @Override
  public Measurement measurement() {
    return measurement;
  }

  @Override
  public Optional<LaunchPlan.SecretArea> secretArea() {
    return area;
  }

  @Override
  public synchronized int secretBytes() {
    return secretBytes;
  }

  @Override
  public synchronized boolean finished() {
    return finished;
  }

  @Override
  public void secret(byte[] header, byte[] ciphertext) throws HypervisorException {
    secret(area().gpa(), header, ciphertext);
  }

  private LaunchPlan.SecretArea area() throws HypervisorException {
    return area.orElseThrow(
        () -> new HypervisorException("This guest was launched without room for a secret"));
  }

  @Override
  public synchronized void secret(long gpa, byte[] header, byte[] ciphertext)
      throws HypervisorException {
    LaunchPlan.SecretArea room = area();
    if (finished || gone) {
      throw new HypervisorException(
          "The launch is over: a secret goes in between measurement and start");
    }
    if (gpa < room.gpa() || gpa - room.gpa() > room.bytes() - (long) ciphertext.length) {
      throw new HypervisorException(
          "A secret of %d bytes for %xh: this guest has room for %d at %xh"
              .formatted(ciphertext.length, gpa, room.bytes(), room.gpa()));
    }
    psp.secret(handle, memory.spa(gpa, Math.max(1, ciphertext.length)), header, ciphertext);
    secretBytes += ciphertext.length;
  }

  /** LAUNCH_FINISH, once. */
  synchronized void finish() throws HypervisorException {
    if (!finished) {
      if (gone) {
        throw new HypervisorException("The guest was given back to the firmware");
      }
      psp.finish(handle);
      finished = true;
      image = List.of();
    }
  }

  /** DEACTIVATE and DECOMMISSION, once, whatever state it is in. */
  synchronized void end() throws HypervisorException {
    if (!gone) {
      gone = true;
      image = List.of();
      psp.end(handle);
    }
  }
}
