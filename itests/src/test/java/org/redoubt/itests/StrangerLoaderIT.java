package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.Vm;
import org.redoubt.api.vm.VmEnd;
import org.redoubt.itests.container.InsideRedoubt;

/**
 * A guest loader that somebody builds outside of this repository, from the folder that is shipped.
 */
@ExtendWith(InsideRedoubt.class)
class StrangerLoaderIT {
  private static final Duration RUN = Duration.ofMinutes(5);

  /** Prints what DS:SI points to, a line feed, and four bytes at ES:DI, and powers off. */
  private static final String SECTOR =
      """
      ac      ; line: lodsb
      84c0    ;       test al, al
      7405    ;       jz disk
      e81b00  ;       call put
      ebf6    ;       jmp line
      b00a    ; disk: mov al, 10
      e81400  ;       call put
      b90400  ;       mov cx, 4
      268a05  ; next: mov al, es:[di]
      47      ;       inc di
      e80a00  ;       call put
      e2f7    ;       loop next
      ba0406  ;       mov dx, 604h    PM1_CNT
      b80020  ;       mov ax, 2000h   SLP_EN, S5
      ef      ;       out dx, ax
      f4      ;       hlt
      88c4    ; put:  mov ah, al
      bafd03  ;       mov dx, 3FDh    LSR
      ec      ; wait: in al, dx
      a820    ;       test al, 20h    THRE
      74fb    ;       jz wait
      88e0    ;       mov al, ah
      baf803  ;       mov dx, 3F8h
      ee      ;       out dx, al
      c3      ;       ret
      """;

  @TempDir private Path folder;

  private Path sector() throws IOException {
    byte[] code = HexFormat.of().parseHex(SECTOR.replaceAll(";.*", "").replaceAll("\\s+", ""));
    byte[] sector = Arrays.copyOf(code, 512);
    sector[510] = 0x55;
    sector[511] = (byte) 0xAA;
    return Files.write(folder.resolve("sector"), sector);
  }

  private static void assertPrints(String text) throws Exception {
    Vm vm = Services.get(Hypervisor.class).vm("boot").orElseThrow();
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (AutoCloseable attached = vm.console().attach(out)) {
      vm.start();
      VmEnd end = vm.await(RUN).orElseThrow();
      assertEquals(VmEnd.Cause.POWER_OFF, end.cause(), end::report);
    } finally {
      vm.close();
    }
    assertEquals(text, out.toString(StandardCharsets.US_ASCII));
  }

  private static void assertRefused(String line, String reason) {
    AssertionError refused = assertThrows(AssertionError.class, () -> new Shell().run(line));
    assertTrue(String.valueOf(refused.getMessage()).contains(reason), refused.getMessage());
  }

  @Test
  void shouldBuildALoaderElsewhereAndBootAGuestWithItByName() throws Exception {
    Path jar = Examples.build("my-loader", folder);
    Path disk = Files.writeString(folder.resolve("disk"), "DISK and more");
    String create =
        "vm:create --name boot --memory 64M --kernel %s --initrd %s --append hello"
            .formatted(sector(), disk);
    assertRefused(create + " --protection none", "No guest loader knows the kernel ");
    Bundle stranger = Services.context().installBundle(jar.toUri().toString());
    stranger.start();
    try {
      for (String protection : new String[] {"none", "sev"}) {
        new Shell().run(create + " --loader sector --protection " + protection);
        assertPrints("hello\nDISK");
      }
      new Shell().run(create + " --protection none"); // it is also found by what it accepts
      assertPrints("hello\nDISK");
      assertRefused(create + " --loader linux", "The kernel is truncated or no kernel: 512 bytes");
    } finally {
      stranger.uninstall();
    }
    assertRefused(create + " --loader sector", "No guest loader is called 'sector'; there are: ");
  }
}
