package org.redoubt.api.policy;

import java.util.Optional;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * A rule over firmware commands: an OSGi service with the property {@link #POLICY_NAME}. Asked on
 * the thread that carries the command out; it must answer within the time the firmware grants (a
 * second by default). One that throws or takes longer has refused, and is named.
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
}
