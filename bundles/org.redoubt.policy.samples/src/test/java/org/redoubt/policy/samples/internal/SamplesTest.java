package org.redoubt.policy.samples.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.osgi.service.event.Event;
import org.osgi.service.event.EventAdmin;
import org.redoubt.api.policy.FirmwarePolicy;
import org.redoubt.api.policy.PolicyOutcome;
import org.redoubt.api.policy.PolicyRequest;

final class SamplesTest {
  private static final String OURS = "ab".repeat(32);
  private static final String THEIRS = "cd".repeat(32);

  private static PolicyRequest request(String operation, String... details) {
    Map<String, String> map = new java.util.TreeMap<>();
    for (int i = 0; i < details.length; i += 2) {
      map.put(details[i], details[i + 1]);
    }
    return new PolicyRequest(
        operation, OptionalInt.of(7), OptionalInt.of(1), OptionalInt.empty(), map);
  }

  private static boolean allows(FirmwarePolicy policy, String operation, String... details) {
    return policy.refuse(request(operation, details)).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    // launches, operation, POLICY, allowed
    "false,DBG_DECRYPT,0,false",
    "false,DBG_ENCRYPT,0,false",
    "false,LAUNCH_START,0,true",
    "true,LAUNCH_START,00000000,false",
    "true,LAUNCH_START,00000001,true",
    "true,RECEIVE_START,00000030,false",
    "true,LAUNCH_START,rubbish,false",
    "true,LAUNCH_FINISH,0,true"
  })
  void shouldRefuseDebugging(boolean launches, String operation, String policy, boolean allowed) {
    assertEquals(allowed, allows(new NoDebug(launches), operation, "POLICY", policy));
  }

  @ParameterizedTest
  @CsvSource({
    // owners, SESSION, DH_CERT, allowed
    "'',none,'',false",
    "'',owner,OURS,true",
    "OURS,owner,OURS,true",
    "OURS,owner,THEIRS,false",
    "'OURS, THEIRS',owner,THEIRS,true",
    "zz,owner,OURS,false"
  })
  void shouldTakeMeasuredOwnersOnly(
      String owners, String session, String certificate, boolean allowed) {
    FirmwarePolicy policy = new MeasuredOwners(Fingerprints.parse(full(owners)));
    assertEquals(
        allowed, allows(policy, "LAUNCH_START", "SESSION", session, "DH_CERT", full(certificate)));
    assertTrue(allows(policy, "LAUNCH_FINISH"));
  }

  private static String full(String text) {
    return text.replace("OURS", OURS).replace("THEIRS", THEIRS);
  }

  @ParameterizedTest
  @CsvSource({
    "LAUNCH_START,PLATFORM_OCA,OURS,true",
    "LAUNCH_START,PLATFORM_OCA,THEIRS,false",
    "RECEIVE_START,PLATFORM_OCA,THEIRS,false",
    "SEND_START,TARGET_OCA,OURS,true",
    "SEND_START,TARGET_OCA,THEIRS,false",
    "SEND_START,OTHER,OURS,false",
    "DBG_DECRYPT,PLATFORM_OCA,THEIRS,true"
  })
  void shouldStayAmongPlatformsOfOneOwner(
      String operation, String detail, String value, boolean allowed) {
    assertEquals(
        allowed, allows(new SameOca(Fingerprints.parse(OURS)), operation, detail, full(value)));
    assertFalse(allows(new SameOca(Fingerprints.parse()), "LAUNCH_START", "PLATFORM_OCA", OURS));
  }

  @Test
  void shouldLimitTheRateOfEachKind() {
    AtomicLong now = new AtomicLong();
    RateLimit policy = new RateLimit(60, 2, now::get, "LAUNCH_START, attestation");
    assertTrue(allows(policy, "LAUNCH_START"));
    assertTrue(allows(policy, "LAUNCH_START"));
    Optional<String> refusal = policy.refuse(request("LAUNCH_START"));
    assertTrue(refusal.orElseThrow().contains("1.0 s"), refusal::toString);
    assertTrue(allows(policy, "ATTESTATION"));
    assertTrue(allows(policy, "LAUNCH_FINISH"));
    now.addAndGet(999_000_000);
    assertFalse(allows(policy, "LAUNCH_START"));
    now.addAndGet(2_000_000);
    assertTrue(allows(policy, "LAUNCH_START"));
    assertFalse(allows(policy, "LAUNCH_START"));
  }

  @ParameterizedTest
  @CsvSource({
    // perMinute, burst, commands, mistake
    "0,1,LAUNCH_START,perMinute=0",
    "-7,1,LAUNCH_START,perMinute=-7",
    "1,0,LAUNCH_START,burst=0",
    "2147483647,1,LAUNCH_START,both take 1 to 1000000",
    "1,1,LAUNCH_STRAT,is no firmware command",
  })
  void shouldRefuseWhenItsConfigurationIsWrong(
      int perMinute, int burst, String commands, String mistake) {
    FirmwarePolicy policy = new RateLimit(perMinute, burst, System::nanoTime, commands);
    String refusal = policy.refuse(request("LAUNCH_START")).orElseThrow();
    assertTrue(refusal.startsWith("its configuration is wrong: "), refusal);
    assertTrue(refusal.contains(mistake), refusal);
    assertTrue(policy.mistake().isPresent());
  }

  @Test
  void shouldSayWhatIsWrongWithItsFingerprints() {
    for (FirmwarePolicy policy :
        List.of(
            new SameOca(Fingerprints.parse("nonsense")),
            new MeasuredOwners(Fingerprints.parse("nonsense")))) {
      assertEquals(
          Optional.of("'nonsense' is no SHA-256 in hexadecimal (64 digits)"), policy.mistake());
      assertFalse(allows(policy, "LAUNCH_START", "SESSION", "owner", "PLATFORM_OCA", "nonsense"));
    }
    assertEquals(Optional.empty(), new SameOca(Fingerprints.parse(OURS)).mistake());
    assertEquals(Optional.empty(), new NoDebug(true).mistake());
  }

  @Test
  void shouldPostAnEventForEveryCommand() {
    List<Event> posted = new ArrayList<>();
    EventAdmin admin =
        new EventAdmin() {
          @Override
          public void postEvent(Event event) {
            posted.add(event);
          }

          @Override
          public void sendEvent(Event event) {
            throw new AssertionError("would wait for handlers");
          }
        };
    Audit all = new Audit(admin, false);
    assertTrue(allows(all, "DBG_DECRYPT"));
    all.completed(request("DBG_DECRYPT", "LENGTH", "10"), new PolicyOutcome(5, 0, "SUCCESS", ""));
    new Audit(admin, true).completed(request("NOP"), new PolicyOutcome(5, 0, "SUCCESS", ""));
    new Audit(admin, true)
        .completed(request("NOP"), new PolicyOutcome(6, 7, "POLICY_FAILURE", "x"));
    assertEquals(2, posted.size());
    Event first = posted.getFirst();
    assertEquals("org/redoubt/firmware/DBG_DECRYPT", first.getTopic());
    assertEquals(5L, first.getProperty("timestamp"));
    assertEquals(7, first.getProperty("guest"));
    assertEquals("10", first.getProperty("detail.LENGTH"));
    assertEquals("POLICY_FAILURE", posted.getLast().getProperty("statusName"));
  }
}
