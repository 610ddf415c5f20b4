package org.redoubt.firmware.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.SevCommand;

final class LeakTest {
  private static final int GUESTS = 200;

  @Test
  void shouldLeakNoAsidKeyOrMemoryOverTwoHundredGuests() {
    GuestPolicy policy = new GuestPolicy(0);
    try (Host host = new Host().init()) {
      List<Guest> all = new ArrayList<>();
      long[] startNs = new long[GUESTS];
      long before = 0;
      for (int i = 0; i < GUESTS; i++) {
        Host.Owner owner = host.owner(policy);
        int handle = host.launchStart(policy, owner);
        startNs[i] = host.last().durationNs();
        all.add(host.platform().guest(handle).orElseThrow());
        host.activate(handle, 1); // the same one every time
        host.update(handle);
        host.measure(handle);
        host.must(SevCommand.LAUNCH_FINISH, handle);
        host.must(SevCommand.DEACTIVATE, handle);
        host.must(SevCommand.DECOMMISSION, handle);
        host.memory.wbinvd();
        assertEquals(FirmwareStatus.SUCCESS, host.issue(SevCommand.DF_FLUSH));
        if (i == GUESTS / 4) {
          before = usedBytes();
        }
      }
      assertEquals(List.of(), host.psp.info().guests());
      assertEquals(Optional.empty(), host.platform().owner(1));
      assertEquals(0, host.memory.liveKeys());
      for (Guest g : all) {
        assertTrue(g.keys().transport().tek().isClosed() && g.keys().transport().tik().isClosed());
      }
      all.clear();
      long grown = usedBytes() - before;
      assertTrue(
          grown < 8 << 20, () -> "grown by " + grown + " bytes over " + GUESTS * 3 / 4 + " guests");
      Arrays.sort(startNs);
      long median = startNs[GUESTS / 2];
      System.out.printf(
          "LAUNCH_START with session: median %.2f ms, best %.2f ms, heap grown by %d KiB%n",
          median / 1e6, startNs[0] / 1e6, grown >> 10);
    }
  }

  private static long usedBytes() {
    for (int i = 0; i < 3; i++) {
      System.gc();
    }
    Runtime r = Runtime.getRuntime();
    return r.totalMemory() - r.freeMemory();
  }
}
