package org.redoubt.firmware.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.cert.SevCertificate;

/** Several hosts that were given the same state folder: one chip, whoever comes first. */
final class SharedStateTest {
  private static final int HOSTS = 8;

  @TempDir Path state;

  @Test
  void shouldBeOneChipForAllWhoStartAtOnce() throws Exception {
    Set<SevCertificate> pdhs = new HashSet<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(HOSTS)) {
      List<Callable<SevCertificate>> starts = new ArrayList<>();
      for (int i = 0; i < HOSTS; i++) {
        starts.add(() -> {
          try (Host host = new Host(Optional.of(state)).init()) {
            return host.platform().keys().pdhCertificate();
          }
        });
      }
      for (Future<SevCertificate> done : threads.invokeAll(starts)) {
        pdhs.add(done.get());
      }
    }
    assertEquals(1, pdhs.size());
  }

  @Test
  void shouldKeepEveryNewKeyWhileOthersStart() throws Exception {
    try (Host first = new Host(Optional.of(state)).init();
        ExecutorService threads = Executors.newFixedThreadPool(2)) {
      Future<?> keys =
          threads.submit(() -> {
            for (int i = 0; i < 20; i++) {
              assertEquals(FirmwareStatus.SUCCESS, first.issue(SevCommand.PDH_GEN));
            }
          });
      Future<?> starts =
          threads.submit(() -> {
            for (int i = 0; i < 20; i++) {
              try (Host other = new Host(Optional.of(state))) {
                assertEquals(
                    FirmwareStatus.SUCCESS, other.issue(SevCommand.INIT), other::lastReason);
              }
            }
          });
      keys.get();
      starts.get();
      try (Host last = new Host(Optional.of(state)).init()) {
        assertEquals(
            first.platform().keys().pdhCertificate(), last.platform().keys().pdhCertificate());
      }
    }
  }
}
