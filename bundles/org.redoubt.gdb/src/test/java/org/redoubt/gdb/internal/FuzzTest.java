package org.redoubt.gdb.internal;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Packets and streams made of what the protocol is made of, damaged. The long run: {@code
 * -Dredoubt.fuzz=10000000}.
 */
@Timeout(3600)
class FuzzTest {
  private static final int INPUTS = Integer.getInteger("redoubt.fuzz", 100_000);

  private static final String[] WORDS = {
    "g",
    "G",
    "p",
    "P",
    "m",
    "M",
    "X",
    "Z",
    "z",
    "c",
    "s",
    "C",
    "S",
    "vCont",
    "vCont?",
    "vKill",
    "qSupported",
    "qXfer:features:read:target.xml:",
    "qfThreadInfo",
    "qThreadExtraInfo,",
    "qC",
    "QStartNoAckMode",
    "H",
    "Hg",
    "Hc",
    "T",
    "D",
    "k",
    "?",
    "!",
    "0",
    "1",
    "2",
    "4",
    "1000",
    "2fff",
    "ffffffffffffffff",
    "7fffffffffffffff",
    "8000000000000000",
    "ffffffff",
    "fffffffffffffffff",
    "-1",
    ",",
    ";",
    ":",
    "=",
    "}",
    "*",
    "abcd",
    "xyz",
    " ",
    "\u0000",
    "\u00ff",
    ";c",
    ";s:1",
  };

  private static String packet(Random random) {
    StringBuilder text = new StringBuilder();
    for (int words = random.nextInt(8); words >= 0; words--) {
      text.append(WORDS[random.nextInt(WORDS.length)]);
    }
    if (random.nextInt(4) == 0) {
      text.setCharAt(random.nextInt(text.length()), (char) random.nextInt(256));
    }
    return text.toString();
  }

  @Test
  void shouldAnswerAnyPacket() {
    Random random = new Random(6);
    FakeDebugger vm = new FakeDebugger();
    Commands commands = new Commands(vm);
    for (int i = 0; i < INPUTS; i++) {
      if (i % 1000 == 0) {
        vm = new FakeDebugger();
        commands = new Commands(vm);
      }
      Commands.Reply reply = commands.answer(packet(random));
      assertTrue(reply.text().length() <= Packets.MOST_BYTES);
    }
  }

  /** Ends with the stream or with a refusal, and never sends more than it got reason to. */
  @Test
  void shouldReadAnyStreamToItsEnd() {
    Random random = new Random(66);
    for (int i = 0; i < INPUTS / 10; i++) {
      StringBuilder text = new StringBuilder();
      for (int parts = random.nextInt(12); parts >= 0; parts--) {
        String data = packet(random);
        switch (random.nextInt(5)) {
          case 0 -> text.append("+-$#\u0003".charAt(random.nextInt(5)));
          case 1 -> text.append('$').append(data).append("#00");
          default -> {
            int sum = data.chars().sum() & 0xff;
            text.append('$').append(data).append("#%02x".formatted(sum));
          }
        }
      }
      byte[] bytes = text.toString().getBytes(java.nio.charset.StandardCharsets.ISO_8859_1);
      Packets packets =
          new Packets(new ByteArrayInputStream(bytes), OutputStream.nullOutputStream());
      int read = 0;
      try {
        while (packets.read() != null) {
          read++;
        }
      } catch (ProtocolException e) {
        // One line for it.
      } catch (IOException e) {
        throw new AssertionError(e);
      }
      assertTrue(read <= bytes.length);
    }
  }
}
