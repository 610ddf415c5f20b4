package org.redoubt.firmware.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.redoubt.api.firmware.SecureProcessor;
import org.redoubt.api.firmware.SecureProcessorConfig;
import org.redoubt.spec.sev.Mailbox;
import org.redoubt.spec.sev.RfcCommand;
import org.redoubt.struct.Layouts;
import org.redoubt.testkit.firmware.ModelMemory;

/** The seed's profile, spoken to by its own numbers. SOURCE of offsets: see {@link RfcCommand}. */
final class RfcTest {
  private static final long BUFFER = 0x1000;
  private static final int OK = 0;

  private final ModelMemory memory = new ModelMemory(1 << 20);
  private SecureProcessor psp;

  @BeforeEach
  void powerOn() throws Exception {
    psp =
        new SevRfcFirmwareFactory()
            .create(new SecureProcessorConfig("rfc", memory, Optional.empty(), List::of));
  }

  @AfterEach
  void powerOff() {
    psp.close();
  }

  private int issue(int id, int bytes, Consumer<MemorySegment> fill) {
    MemorySegment b = MemorySegment.ofArray(new byte[bytes]);
    if (bytes >= 4) {
      b.set(Layouts.LE32, 0, bytes);
    }
    fill.accept(b);
    memory.view(0).write(BUFFER, b);
    psp.mailbox().write(0x105E0, (int) BUFFER);
    psp.mailbox().write(0x105E4, 0);
    psp.mailbox().write(0x10580, id << 16);
    return Mailbox.status(psp.mailbox().read(0x10580));
  }

  private byte[] answer(int bytes) {
    byte[] out = new byte[bytes];
    memory.view(0).read(BUFFER, MemorySegment.ofArray(out));
    return out;
  }

  private String reason() {
    return psp.history().getLast().toString();
  }

  @Test
  void shouldLaunchDebugAndForgetAGuest() {
    assertEquals(OK, issue(1, 8, b -> {}), this::reason); // INIT
    assertEquals(OK, issue(2, 96, b -> {}), this::reason); // LAUNCH_START
    int guest = memory.view(0).getInt(BUFFER + 4);
    Consumer<MemorySegment> handle = b -> b.set(Layouts.LE32, 4, guest);
    assertEquals(
        OK, issue(5, 12, handle.andThen(b -> b.set(Layouts.LE32, 8, 7))), this::reason); // ACTIVATE
    byte[] content = new byte[256];
    Arrays.fill(content, (byte) 9);
    memory.view(0).write(0x4000, MemorySegment.ofArray(content));
    assertEquals(
        OK,
        issue(
            3, // LAUNCH_UPDATE
            20,
            handle.andThen(b -> {
              b.set(Layouts.LE64, 8, 0x4000);
              b.set(Layouts.LE32, 16, 256);
            })),
        this::reason);
    assertEquals(OK, issue(4, 56, handle), this::reason); // LAUNCH_FINISH
    assertFalse(
        Arrays.equals(new byte[32], Arrays.copyOfRange(answer(56), 8, 40)), "no measurement");
    assertEquals(OK, issue(21, 17, handle), this::reason); // GUEST_STATUS
    byte[] status = answer(17);
    assertEquals(List.of(7, 3), List.of((int) status[12], (int) status[16])); // ASID, RUNNING
    assertEquals(
        OK,
        issue(
            24, // DBG_DECRYPT
            28,
            handle.andThen(b -> {
              b.set(Layouts.LE64, 8, 0x4000);
              b.set(Layouts.LE64, 16, 0x8000);
              b.set(Layouts.LE32, 24, 256);
            })),
        this::reason);
    byte[] seen = new byte[256];
    memory.view(0).read(0x8000, MemorySegment.ofArray(seen));
    assertArrayEquals(content, seen);
    assertEquals(OK, issue(22, 8, handle), this::reason); // DEACTIVATE
    assertEquals(OK, issue(23, 8, handle), this::reason); // DECOMMISSION
    memory.wbinvd();
    assertEquals(OK, issue(6, 0, b -> {}), this::reason); // DF_FLUSH
    assertEquals(List.of(), psp.info().guests());
  }

  @Test
  void shouldTellItsStatusAsThePostingHadIt() {
    assertEquals(OK, issue(1, 8, b -> {}), this::reason);
    assertEquals(OK, issue(9, 16, b -> {}), this::reason); // PLATFORM_STATUS
    byte[] a = answer(16);
    assertEquals(List.of(16, 0, 0, 1), List.of((int) a[0], (int) a[4], (int) a[5], (int) a[6]));
  }

  @Test
  void shouldAnswerWithTheStatusesItHas() {
    assertEquals(4, issue(1, 8, b -> b.set(Layouts.LE32, 0, 7))); // CMDBUF_TOO_SMALL
    assertEquals(3, issue(99, 8, b -> {})); // no such command: there is no number for it
    assertEquals(1, issue(6, 0, b -> {})); // DF_FLUSH before INIT
    assertEquals(OK, issue(1, 8, b -> {}), this::reason);
    assertEquals(16, issue(23, 8, b -> b.set(Layouts.LE32, 4, 77))); // INVALID_GUEST
    assertEquals(3, issue(2, 96, b -> b.set(Layouts.LE32, 8, 1))); // FLAGS: no number for it
    assertEquals(6, issue(2, 96, b -> b.set(Layouts.U8, 16, (byte) 1))); // not a point
    assertEquals(-1, psp.mailbox().read(Mailbox.CMDRESP), "today's register");
  }

  @Test
  void shouldHaveTheNumbersOfThePosting() {
    assertEquals(25, RfcCommand.values().length);
    for (RfcCommand c : RfcCommand.values()) {
      assertEquals(Optional.of(c), RfcCommand.of(c.id()));
      assertEquals(Optional.of(c), RfcCommand.of(c.today()));
    }
    assertEquals(496, RfcCommand.SEND_START.bufferBytes());
    assertEquals(Optional.empty(), RfcCommand.of(0));
    assertEquals(Optional.empty(), RfcCommand.of(26));
  }
}
