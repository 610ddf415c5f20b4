package org.redoubt.gdb.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PacketsTest {
  private final ByteArrayOutputStream sent = new ByteArrayOutputStream();

  private Packets of(String text) {
    return new Packets(new ByteArrayInputStream(text.getBytes(StandardCharsets.ISO_8859_1)), sent);
  }

  private String sent() {
    return sent.toString(StandardCharsets.ISO_8859_1);
  }

  @Test
  void shouldAcknowledgePacketsAndRefuseDamagedOnes() throws IOException {
    Packets packets = of("+$g#67$g#68$m0,4#fd\u0003");
    assertEquals("g", packets.read());
    assertEquals("m0,4", packets.read());
    assertEquals(Packets.INTERRUPT, packets.read());
    assertNull(packets.read());
    assertEquals("+-+", sent());
  }

  @Test
  void shouldBeSilentAndTrustingWithoutAcknowledgements() throws IOException {
    Packets packets = of("$g#00");
    packets.stopAcknowledging();
    assertEquals("g", packets.read());
    assertEquals("", sent());
  }

  @Test
  void shouldSendAgainWhatWasNotUnderstood() throws IOException {
    Packets packets = of("-");
    packets.send("OK");
    assertNull(packets.read());
    assertEquals("$OK#9a$OK#9a", sent());
  }

  @Test
  void shouldEscapeWhatHasAMeaningInPackets() throws IOException {
    of("").send("a$#}*b");
    assertEquals("$a}\u0004}\u0003}]}\nb#25", sent());
    assertArrayEquals(new byte[] {'$', 0x7d, '}'}, Packets.unescape("}\u0004}]}"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"GET / HTTP/1.1\r\n", "\u0000", "$g", "$g#", "$abc"})
  void shouldRefuseWhatIsNoPacket(String text) {
    Packets packets = of(text);
    assertThrows(ProtocolException.class, packets::read);
  }

  @Test
  void shouldRefusePacketsWithoutEnd() {
    Packets packets = of("$" + "a".repeat(Packets.MOST_BYTES + 1) + "#00");
    assertThrows(ProtocolException.class, packets::read);
  }

  @Test
  void shouldLosePatienceWithWrongChecksumsAndWithRefusals() throws IOException {
    assertThrows(ProtocolException.class, of("$g#00".repeat(16))::read);
    Packets packets = of("-".repeat(17));
    packets.send("OK");
    assertThrows(ProtocolException.class, packets::read);
  }
}
