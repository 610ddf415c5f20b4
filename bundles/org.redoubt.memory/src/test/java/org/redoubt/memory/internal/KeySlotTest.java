package org.redoubt.memory.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.redoubt.api.memory.KeyStatus;
import org.redoubt.api.memory.MemorySystem;

class KeySlotTest {
  private final Rig rig = new Rig();

  @Test
  void shouldRefuseAsidUntilFlushedInOrder() {
    try (MemorySystem system = rig.system(16, 8)) {
      assertEquals(KeyStatus.ASID_LIVE, system.activate(1));
      system.deactivate(1);
      assertFalse(system.isActive(1));
      assertTrue(system.wbinvdRequired());
      assertEquals(KeyStatus.WBINVD_REQUIRED, system.activate(1));
      system.dfFlush();
      assertEquals(KeyStatus.WBINVD_REQUIRED, system.activate(1));
      system.wbinvd();
      assertFalse(system.wbinvdRequired());
      assertEquals(KeyStatus.DFFLUSH_REQUIRED, system.activate(1));
      assertEquals(4, rig.alpha.open.get());
      system.dfFlush();
      assertEquals(3, rig.alpha.open.get());
      assertEquals(KeyStatus.INSTALLED, system.activate(1));
      assertTrue(system.isActive(1));
    }
  }

  @Test
  void shouldRefuseAsidOutOfRange() {
    try (MemorySystem system = rig.system(16, 8)) {
      for (int asid : new int[] {-1, 0, 510, 70000}) {
        assertEquals(KeyStatus.INVALID_ASID, system.activate(asid));
        assertFalse(system.isActive(asid));
      }
    }
  }

  @Test
  void shouldSayWhyWhenNoKeyIsGiven() {
    try (MemorySystem system = rig.system(16, 8)) {
      rig.keys.refusal = Optional.of("Not this one");
      assertEquals(KeyStatus.NO_KEY, system.activate(9));
      assertEquals(Optional.of("Not this one"), system.refusal(9));
      system.setKeyInstaller(Optional.empty());
      assertEquals(KeyStatus.NO_KEY, system.activate(9));
      assertTrue(system.refusal(9).orElseThrow().contains("ASID 9"));
      assertThrows(IllegalStateException.class, () -> system.view(9).getLong(0));
    }
  }

  @Test
  void shouldKeepDirtyPagesUnwrittenUntilWbinvdWhenDeactivated() {
    try (MemorySystem system = rig.system(16, 8)) {
      byte[] bytes = Rig.pattern(1, Rig.PAGE);
      Rig.write(system, 1, 0, bytes);
      system.deactivate(1);
      assertThrows(IllegalStateException.class, () -> system.view(1).getLong(0));
      assertArrayEquals(new byte[Rig.PAGE], Rig.dram(system, 0, Rig.PAGE));
      system.wbinvd();
      byte[] cipher = Rig.dram(system, 0, Rig.PAGE);
      system.dfFlush();
      assertEquals(KeyStatus.INSTALLED, system.activate(1));
      assertArrayEquals(bytes, Rig.read(system, 1, 0, Rig.PAGE), "the same key again");
      assertArrayEquals(cipher, Rig.dram(system, 0, Rig.PAGE));
    }
  }

  @Test
  void shouldNotReadFormerGuestWhenAsidHasAnotherKey() {
    try (MemorySystem system = rig.system(16, 8)) {
      byte[] bytes = Rig.pattern(1, Rig.PAGE);
      Rig.write(system, 1, 0, bytes);
      system.deactivate(1);
      system.wbinvd();
      system.dfFlush();
      rig.keys.life = 1;
      assertEquals(KeyStatus.INSTALLED, system.activate(1));
      assertFalse(java.util.Arrays.equals(bytes, Rig.read(system, 1, 0, Rig.PAGE)));
    }
  }

  @Test
  void shouldDropPagesWhenClflushed() {
    try (MemorySystem system = rig.system(16, 8)) {
      system.view(1).fill(0, 4 * Rig.PAGE, (byte) 1);
      system.clflush(Rig.PAGE - 1, 2);
      assertFalse(system.pageInfo(0).resident());
      assertFalse(system.pageInfo(Rig.PAGE).resident());
      assertTrue(system.pageInfo(2 * Rig.PAGE).resident());
      assertEquals(1, system.pageInfo(0).tag());
      assertTrue(system.pageInfo(0).touched());
      assertFalse(system.pageInfo(9 * Rig.PAGE).touched());
    }
  }
}
