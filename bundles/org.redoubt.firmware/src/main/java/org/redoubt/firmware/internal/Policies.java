package org.redoubt.firmware.internal;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.WeakHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.redoubt.api.firmware.SecureProcessorConfig.NamedPolicy;
import org.redoubt.api.policy.FirmwarePolicy;
import org.redoubt.api.policy.PolicyOutcome;
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

  /** The commands that a policy has not heard of yet; an entry per policy ever told. */
  private final Map<FirmwarePolicy, Backlog> backlogs = new WeakHashMap<>();

  private static final int MAX_BACKLOG = 1000;

  /** What waits for one policy, and who runs it. */
  private static final class Backlog {
    private final Deque<Runnable> waiting = new ArrayDeque<>();
    private boolean running;
  }

  Policies(Supplier<List<NamedPolicy>> policies, Duration limit) {
    this.policies = policies;
    this.limit = limit;
  }

  /** Empty when all allow. */
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

  /** Puts together what policies are told. */
  static PolicyRequest request(
      String operation, Optional<Guest> guest, Map<String, String> details) {
    return new PolicyRequest(
        operation,
        guest.map(g -> OptionalInt.of(g.handle())).orElse(OptionalInt.empty()),
        guest.map(g -> OptionalInt.of(g.policy().bits())).orElse(OptionalInt.empty()),
        guest
            .filter(g -> g.asid() != 0)
            .map(g -> OptionalInt.of(g.asid()))
            .orElse(OptionalInt.empty()),
        details);
  }

  /** Tells every policy there is now what became of a command; does not wait for them. */
  void tell(PolicyRequest request, PolicyOutcome outcome) {
    for (NamedPolicy p : policies.get()) {
      Backlog backlog;
      synchronized (backlogs) {
        backlog = backlogs.computeIfAbsent(p.policy(), x -> new Backlog());
      }
      synchronized (backlog) {
        if (backlog.waiting.size() == MAX_BACKLOG) {
          backlog.waiting.removeFirst();
        }
        backlog.waiting.addLast(() -> p.policy().completed(request, outcome));
        if (!backlog.running) {
          backlog.running = true;
          threads.execute(() -> work(backlog));
        }
      }
    }
  }

  private static void work(Backlog backlog) {
    while (true) {
      Runnable next;
      synchronized (backlog) {
        if (backlog.waiting.isEmpty()) {
          backlog.running = false;
          return;
        }
        next = backlog.waiting.removeFirst();
      }
      try {
        next.run();
      } catch (RuntimeException | Error e) { // a plug-in's fault is no matter of the firmware's
        System.getLogger(Policies.class.getName())
            .log(System.Logger.Level.WARNING, "A policy failed to hear of a command", e);
      }
    }
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
