package org.redoubt.devices.virtio.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.redoubt.devices.virtio.internal.VirtioMachine.DATA;
import static org.redoubt.devices.virtio.internal.VirtioMachine.in;
import static org.redoubt.devices.virtio.internal.VirtioMachine.out;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.CharInput;
import org.redoubt.api.device.Device;

class ConsoleTest {
  private final VirtioMachine machine = new VirtioMachine();
  private final Device console = machine.plugIn(new Console.Factory()::create);
  private final CharInput input = Objects.requireNonNull(machine.input);

  private String memory(int at, int bytes) {
    return new String(machine.memory, at, bytes, StandardCharsets.US_ASCII);
  }

  @Test
  void shouldSendWhatTheGuestWrites() {
    machine.start(8);
    System.arraycopy("hello".getBytes(StandardCharsets.US_ASCII), 0, machine.memory, DATA, 5);
    machine.push(1, 0, out(DATA, 2), out(DATA + 2, 3));
    machine.kick(1);
    assertEquals("hello", machine.console.toString());
    assertEquals(List.of(0, 0), machine.usedElement(1, 0));
  }

  @Test
  void shouldKeepWhatIsTypedUntilTheGuestHasRoom() {
    machine.start(8);
    for (char c : "typed".toCharArray()) {
      assertTrue(input.receive(c));
    }
    byte[] saved = console.save();
    console.reset();
    console.restore(saved);
    machine.push(0, 0, in(DATA, 3));
    machine.push(0, 1, in(DATA + 0x100, 16));
    machine.kick(0);
    assertEquals("typ", memory(DATA, 3));
    assertEquals("ed", memory(DATA + 0x100, 2));
    assertEquals(List.of(1, 2), machine.usedElement(0, 1));
    for (int i = 0; i < 256; i++) {
      assertTrue(input.receive('x'));
    }
    assertFalse(input.receive('y'), "full");
  }

  @Test
  void shouldSayItsSize() {
    assertEquals(80 | 24 << 16, machine.read(VirtioPci.DEVICE, 4));
    machine.options.put("cols", "many");
    assertThrows(HypervisorException.class, () -> new Console.Factory().create(machine));
  }
}
