package org.redoubt.devices.platform.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class PicTest {
  private final FakeMachine machine = new FakeMachine();
  private final Pic8259 pic = machine.plug(Pic8259::new, Pic8259.class);

  /** As Linux sets them up: vectors from 30h and 38h. */
  @BeforeEach
  void initialise() {
    for (int[] chip : new int[][] {{0x20, 0x30, 4}, {0xA0, 0x38, 2}}) {
      machine.out(chip[0], 0x11);
      machine.out(chip[0] + 1, chip[1]);
      machine.out(chip[0] + 1, chip[2]);
      machine.out(chip[0] + 1, 0x01);
      machine.out(chip[0] + 1, 0);
    }
  }

  private void pulse(int line) {
    pic.line(line, true);
  }

  @Test
  void shouldDeliverByPriorityAndHoldLowerOnesUntilEoi() {
    pulse(4);
    pulse(1);
    assertTrue(pic.asserted());
    assertEquals(0x31, pic.acknowledge());
    assertFalse(pic.asserted(), "line 4 waits behind line 1");
    machine.out(0x20, 0x20);
    assertEquals(0x34, pic.acknowledge());
    machine.out(0x20, 0x20);
    assertFalse(pic.asserted());
  }

  @Test
  void shouldBringTheSecondChipThroughLineTwo() {
    pulse(8);
    assertEquals(0x38, pic.acknowledge());
    pulse(12);
    assertFalse(pic.asserted());
    machine.out(0xA0, 0x20);
    machine.out(0x20, 0x20);
    assertEquals(0x3C, pic.acknowledge());
  }

  /** Found in review: the cascade has no new edge if the second chip's output never falls. */
  @Test
  void shouldNotLoseTheSecondOfTwoRequestsOfTheSecondChip() {
    pulse(8);
    pulse(9);
    assertEquals(0x38, pic.acknowledge());
    machine.out(0xA0, 0x20);
    machine.out(0x20, 0x20);
    assertTrue(pic.asserted());
    assertEquals(0x39, pic.acknowledge());
  }

  @Test
  void shouldGiveTheSpuriousVectorWhenTheRequestIsGone() {
    pulse(3);
    pic.line(3, false);
    assertFalse(pic.asserted());
    assertEquals(0x37, pic.acknowledge());
  }

  @Test
  void shouldObeyTheMask() {
    machine.out(0x21, 0x10);
    pulse(4);
    assertFalse(pic.asserted());
    assertEquals(0x10, machine.in(0x20), "IRR has it");
    assertEquals(0x10, machine.in(0x21));
    machine.out(0x21, 0);
    assertEquals(0x34, pic.acknowledge());
    machine.out(0x20, 0x0B);
    assertEquals(0x10, machine.in(0x20), "ISR has it");
  }

  @Test
  void shouldStayAssertedForALevelLine() {
    machine.out(0x4D1, 0x02);
    assertEquals(0x02, machine.in(0x4D1));
    pic.line(9, true);
    for (int round = 0; round < 3; round++) {
      assertEquals(0x39, pic.acknowledge());
      machine.out(0xA0, 0x20);
      machine.out(0x20, 0x20);
    }
    pic.line(9, false);
    assertFalse(pic.asserted());
  }

  @Test
  void shouldKeepSystemLinesEdgeTriggered() {
    machine.out(0x4D0, 0xFF);
    machine.out(0x4D1, 0xFF);
    assertEquals(0xF8, machine.in(0x4D0));
    assertEquals(0xDE, machine.in(0x4D1));
  }

  @Test
  void shouldEndByItselfInAutomaticEoiMode() {
    machine.out(0x20, 0x11);
    machine.out(0x21, 0x30);
    machine.out(0x21, 4);
    machine.out(0x21, 3);
    pulse(1);
    assertEquals(0x31, pic.acknowledge());
    pulse(4);
    assertEquals(0x34, pic.acknowledge());
  }

  @Test
  void shouldTellItsListenersOfEachChange() {
    int[] changes = new int[1];
    pic.onChange(() -> changes[0]++);
    pulse(1);
    pulse(3);
    assertEquals(1, changes[0]);
    pic.acknowledge();
    assertEquals(2, changes[0]);
  }
}
