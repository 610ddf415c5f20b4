package org.redoubt.firmware.internal;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.redoubt.api.firmware.SecureProcessorConfig.NamedPolicy;
import org.redoubt.api.policy.PolicyRequest;
import org.redoubt.spec.sev.FirmwareStatus;

/**
 * Asks every policy there is at the moment. One that throws, returns nothing, or takes longer than
 * its time has refused, and is named; each runs on a thread of its own, so that a stuck one holds
 * up nothing but itself.
 */
final class Policies implements AutoCloseable {
  private final Supplier<List<NamedPolicy>> policies;
  private final Duration limit;
  private final ExecutorService threads =
      Executors.newCachedThreadPool(
          Thread.ofPlatform().daemon().name("firmware-policy-", 0).factory());

  Policies(Supplier<List<NamedPolicy>> policies, Duration limit) {
    this.policies = policies;
    this.limit = limit;
  }

  /** Empty when all allow. */
  Optional<Refusal> ask(String operation, Optional<Guest> guest, Map<String, String> details) {
    PolicyRequest request =
        new PolicyRequest(
            operation,
            guest.map(g -> OptionalInt.of(g.handle())).orElse(OptionalInt.empty()),
            guest.map(g -> OptionalInt.of(g.policy().bits())).orElse(OptionalInt.empty()),
            guest
                .filter(g -> g.asid() != 0)
                .map(g -> OptionalInt.of(g.asid()))
                .orElse(OptionalInt.empty()),
            details);
    return ask(request);
  }

  /** As {@link #ask}, for a request that was put together elsewhere. */
  Optional<Refusal> ask(PolicyRequest request) {
    for (NamedPolicy p : policies.get()) {
      Optional<String> reason = ask(p, request);
      if (reason.isPresent()) {
        return Optional.of(
            Refusal.of(
                FirmwareStatus.POLICY_FAILURE, "Policy %s refuses: %s", p.name(), reason.get()));
      }
    }
    return Optional.empty();
  }

  private Optional<String> ask(NamedPolicy p, PolicyRequest request) {
    Future<Optional<String>> answer = threads.submit(() -> p.policy().refuse(request));
    try {
      Optional<String> reason = answer.get(limit.toMillis(), TimeUnit.MILLISECONDS);
      // A plug-in may break the contract.
      return reason == null ? Optional.of("it answered nothing (null)") : reason;
    } catch (TimeoutException e) {
      answer.cancel(true);
      return Optional.of("it did not answer within %d ms".formatted(limit.toMillis()));
    } catch (ExecutionException e) {
      return Optional.of("it failed with " + e.getCause());
    } catch (InterruptedException e) {
      answer.cancel(true);
      Thread.currentThread().interrupt();
      return Optional.of("the wait for it was interrupted");
    }
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }
}
