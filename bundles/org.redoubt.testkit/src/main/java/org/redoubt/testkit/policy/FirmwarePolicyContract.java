package org.redoubt.testkit.policy;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.redoubt.api.policy.FirmwarePolicy;
import org.redoubt.api.policy.PolicyOutcome;
import org.redoubt.api.policy.PolicyRequest;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.SevCommand;

/**
 * The exam of a {@link FirmwarePolicy}: extend it, supply the policy, and say what it must allow
 * and what it must refuse.
 */
@Timeout(300)
public abstract class FirmwarePolicyContract {
  /** What the firmware grants for an answer by default. */
  private static final Duration GRANTED = Duration.ofSeconds(1);

  private static final int TIMES_ASKED = 5;

  private static final int RANDOM_REQUESTS = 2000;

  /** Makes a policy as it is in force, once for each test. */
  protected abstract FirmwarePolicy policy();

  /** Requests that the policy must allow; the default: none is known. */
  protected List<PolicyRequest> allowed() {
    return List.of();
  }

  /** Requests that the policy must refuse; the default: none is known. */
  protected List<PolicyRequest> refused() {
    return List.of();
  }

  /** A request about guest 1, with pairs of detail and value. */
  protected static PolicyRequest request(String operation, String... details) {
    Map<String, String> map = new TreeMap<>();
    for (int i = 0; i + 1 < details.length; i += 2) {
      map.put(details[i], details[i + 1]);
    }
    return new PolicyRequest(
        operation, OptionalInt.of(1), OptionalInt.of(0), OptionalInt.of(1), map);
  }

  private static List<PolicyRequest> everyOperation() {
    List<PolicyRequest> out = new ArrayList<>();
    for (SevCommand c : SevCommand.values()) {
      out.add(request(c.name()));
      out.add(
          new PolicyRequest(
              c.name(),
              OptionalInt.empty(),
              OptionalInt.empty(),
              OptionalInt.empty(),
              Map.of("POLICY", "0000FFFF", "HANDLE", "1", "SESSION", "owner")));
    }
    out.add(request("ENGINE_CHANGE", "ENGINE", "aes-128-xex"));
    out.add(request("A_COMMAND_OF_THE_FUTURE", "SOMETHING", "else"));
    return out;
  }

  @Test
  final void shouldAnswerEveryOperationInTime() {
    FirmwarePolicy policy = policy();
    for (PolicyRequest r : everyOperation()) {
      long best = Long.MAX_VALUE; // of a few, for the machine may be busy
      for (int i = 0; i < TIMES_ASKED && best >= GRANTED.toNanos(); i++) {
        long start = System.nanoTime();
        assertNotNull(policy.refuse(r), () -> r.operation() + " was answered with null");
        best = Math.min(best, System.nanoTime() - start);
      }
      long took = best;
      assertTrue(
          took < GRANTED.toNanos(),
          () -> "%s took %d ms at best".formatted(r.operation(), took / 1_000_000));
    }
  }

  @Test
  final void shouldAnswerDetailsItCannotRead() {
    FirmwarePolicy policy = policy();
    Random random = new Random(1);
    String[] names = {"POLICY", "HANDLE", "SESSION", "DH_CERT", "TARGET_OCA", "PLATFORM_OCA", ""};
    List<PolicyRequest> every = everyOperation();
    for (int i = 0; i < RANDOM_REQUESTS; i++) {
      byte[] some = new byte[random.nextInt(40)];
      random.nextBytes(some);
      PolicyRequest r =
          new PolicyRequest(
              every.get(random.nextInt(every.size())).operation(),
              OptionalInt.of(random.nextInt()),
              OptionalInt.of(random.nextInt()),
              random.nextBoolean() ? OptionalInt.of(random.nextInt()) : OptionalInt.empty(),
              Map.of(names[random.nextInt(names.length)], Arrays.toString(some)));
      assertDoesNotThrow(() -> policy.refuse(r), r::toString);
    }
  }

  @Test
  final void shouldGiveAReasonOfOneLine() {
    FirmwarePolicy policy = policy();
    List<PolicyRequest> all = new ArrayList<>(everyOperation());
    all.addAll(refused());
    for (PolicyRequest r : all) {
      Optional<String> reason = policy.refuse(r);
      reason.ifPresent(text -> {
        assertFalse(text.isBlank(), () -> r.operation() + " was refused without a reason");
        assertEquals(1, text.lines().count(), () -> "more than a line: " + text);
      });
    }
  }

  @Test
  final void shouldAllowWhatItMustAllow() {
    FirmwarePolicy policy = policy();
    for (PolicyRequest r : allowed()) {
      assertEquals(Optional.empty(), policy.refuse(r), r::toString);
    }
  }

  @Test
  final void shouldRefuseWhatItMustRefuse() {
    FirmwarePolicy policy = policy();
    for (PolicyRequest r : refused()) {
      assertTrue(policy.refuse(r).isPresent(), () -> r + " was allowed");
    }
  }

  @Test
  final void shouldHearOfEveryOutcome() {
    FirmwarePolicy policy = policy();
    for (PolicyRequest r : everyOperation()) {
      for (FirmwareStatus s : FirmwareStatus.values()) {
        String reason = s == FirmwareStatus.SUCCESS ? "" : "because";
        assertDoesNotThrow(
            () -> policy.completed(r, new PolicyOutcome(0, s.code(), s.name(), reason)),
            r::operation);
      }
    }
  }

  @Test
  final void shouldAnswerSeveralFirmwaresAtOnce() throws Exception {
    FirmwarePolicy policy = policy();
    Callable<Boolean> asker =
        () -> {
          for (PolicyRequest r : everyOperation()) {
            assertNotNull(policy.refuse(r));
          }
          return true;
        };
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      for (Future<Boolean> f : threads.invokeAll(List.of(asker, asker, asker, asker))) {
        assertTrue(f.get());
      }
    }
  }
}
