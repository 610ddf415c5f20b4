package org.redoubt.api.policy;

import java.util.Optional;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * A rule over firmware commands: an OSGi service with the property {@link #POLICY_NAME}. Asked
 * before the command changes anything, on a thread of the firmware, which waits for the answer as
 * long as it grants (a second by default). One that throws or takes longer has refused, and is
 * named.
 */
@ConsumerType
public interface FirmwarePolicy {
  /** Service property, a string: the stable name. */
  String POLICY_NAME = "redoubt.policy.name";

  /**
   * Decides on a command, before anything has changed.
   *
   * @param request the command
   * @return empty to allow it; else the reason for the refusal, one clear sentence
   */
  Optional<String> refuse(PolicyRequest request);

  /**
   * Hears what became of a command: of every command, also of those that no policy is asked about
   * and of those that were refused before policies were asked. Called once per command, in order,
   * some time after it, on a thread that only this policy uses; what it throws is ignored. A policy
   * that falls behind by more than a thousand commands misses some.
   *
   * @param request the command; without details if it was refused before they were read
   * @param outcome what it answered
   */
  default void completed(PolicyRequest request, PolicyOutcome outcome) {}

  /**
   * What is wrong with this policy's configuration. One with a mistake in it is there all the same
   * and refuses, since one that is not there lets everything through. Called from any thread,
   * often.
   *
   * @return empty if nothing is; else one clear sentence without "its configuration"
   */
  default Optional<String> mistake() {
    return Optional.empty();
  }
}
