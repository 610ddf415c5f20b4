package org.redoubt.testkit.encryption;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.params.provider.Arguments.arguments;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherConfig;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** Examines the exam: each kind of broken engine fails in the tests that are there for it. */
class MemoryEncryptionEngineContractTest {
  /** The engine, and all tests that it must fail. */
  static Stream<Arguments> engines() {
    return Stream.of(
        arguments(BrokenEngines.SoundOne.class, Set.of()),
        arguments(BrokenEngines.HonestStreamCipher.class, Set.of()),
        arguments(BrokenEngines.WrongAnswers.class, Set.of("shouldGiveTheKnownAnswers")),
        arguments(BrokenEngines.LiesAboutSizes.class, Set.of("shouldDecryptWhatItEncrypted")),
        arguments(BrokenEngines.ChangesItsKeyLength.class, Set.of("shouldStateOneKeyLength")),
        arguments(BrokenEngines.TakesAnyKey.class, Set.of("shouldRefuseAKeyOfAnotherLength")),
        arguments(
            BrokenEngines.RefusesKeysWithoutFigures.class,
            Set.of("shouldRefuseAKeyOfAnotherLength")),
        arguments(BrokenEngines.KeepsTheCallersKey.class, Set.of("shouldTakeACopyOfTheKey")),
        arguments(
            BrokenEngines.IgnoresTheLastKeyByte.class,
            Set.of("shouldGiveUnrelatedBytesUnderAnotherKey")),
        arguments(BrokenEngines.ForgetsNothing.class, Set.of("shouldForgetItsKeyWhenClosed")),
        arguments(BrokenEngines.ClosesItsSiblings.class, Set.of("shouldForgetItsKeyWhenClosed")),
        arguments(
            BrokenEngines.IgnoresTheAddress.class,
            Set.of("shouldGiveUnrelatedBytesAtAnotherAddress")),
        arguments(
            BrokenEngines.StreamCipher.class, Set.of("shouldGarbleExactlyTheBlockOfAFlippedBit")),
        arguments(BrokenEngines.ChainsBlocks.class, Set.of("shouldTreatEachBlockForItself")),
        arguments(BrokenEngines.KeepsState.class, Set.of("shouldKeepNoStateBetweenCalls")),
        arguments(BrokenEngines.SharesABuffer.class, Set.of("shouldWorkForManyThreadsAtOnce")),
        arguments(
            BrokenEngines.ThrowsUnderConcurrency.class, Set.of("shouldWorkForManyThreadsAtOnce")),
        arguments(
            BrokenEngines.WritesPastTheEnd.class, Set.of("shouldWriteNothingOutsideItsSegments")),
        arguments(
            BrokenEngines.WritesBeforeTheStart.class,
            Set.of("shouldWriteNothingOutsideItsSegments")),
        arguments(
            BrokenEngines.ChangesItsSource.class, Set.of("shouldWriteNothingOutsideItsSegments")),
        arguments(BrokenEngines.KnowsOnlyArrays.class, Set.of("shouldWorkOnSegmentsOfAnyKind")),
        arguments(
            BrokenEngines.TakesAnyAddress.class, Set.of("shouldRefuseRangesThatAreNotWholeBlocks")),
        arguments(
            BrokenEngines.WritesBeforeItRefuses.class,
            Set.of("shouldRefuseRangesThatAreNotWholeBlocks")),
        arguments(BrokenEngines.TakesOverlaps.class, Set.of("shouldRefuseSegmentsThatOverlap")),
        arguments(BrokenEngines.Allocates.class, Set.of("shouldReportItsThroughput")));
  }

  @ParameterizedTest
  @MethodSource("engines")
  void shouldFailTheEngineInTheTestThatIsThereForIt(Class<?> exam, Set<String> expected) {
    Set<String> failed = new TreeSet<>();
    Set<String> run = new TreeSet<>();
    LauncherDiscoveryRequest request =
        LauncherDiscoveryRequestBuilder.request().selectors(selectClass(exam)).build();
    LauncherConfig config =
        LauncherConfig.builder()
            .enableTestExecutionListenerAutoRegistration(false)
            .enableLauncherSessionListenerAutoRegistration(false)
            .build();
    LauncherFactory.create(config)
        .execute(
            request,
            new TestExecutionListener() {
              @Override
              public void executionFinished(TestIdentifier test, TestExecutionResult result) {
                if (test.isTest()) {
                  String name = test.getLegacyReportingName().replaceAll("\\(.*", "");
                  run.add(name);
                  if (result.getStatus() != TestExecutionResult.Status.SUCCESSFUL) {
                    failed.add(name);
                  }
                }
              }
            });
    assertTrue(run.size() >= 16, "only these were run: " + run);
    assertTrue(
        failed.containsAll(expected), () -> "expected to fail " + expected + ", failed " + failed);
    if (expected.isEmpty()) {
      assertEquals(Set.of(), failed);
    }
  }
}
