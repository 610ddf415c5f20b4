package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.Vm;
import org.redoubt.itests.container.InsideRedoubt;

/** The commands {@code psp:} and {@code policy:explain} before the real firmware. */
@ExtendWith(InsideRedoubt.class)
class PspIT {
  @TempDir private Path folder;

  @AfterEach
  void stopAll() {
    Services.get(Hypervisor.class).vms().forEach(Vm::close);
  }

  private static void assertShows(String line, String pattern) {
    String shown = new Shell().run(line);
    assertTrue(
        Pattern.compile(pattern, Pattern.DOTALL).matcher(shown).find(),
        () -> line + ": no " + pattern + " in\n" + shown);
  }

  @Test
  void shouldShowThePlatformBeforeAnyVm() {
    assertShows("psp:status", "^API 1\\.\\d+, build \\d+\nState INIT\nSelf-owned\nNo guests\n$");
    assertShows(
        "psp:certs",
        "^ARK  REDOUBT-DEV-ARK  signed by itself  valid\n"
            + "\\+- ASK  REDOUBT-DEV-ASK  signed by ARK  valid\n"
            + "   \\+- CEK  signed by ASK  valid\n"
            + "      \\+- PEK  signed by CEK, OCA  valid\n"
            + "         \\+- PDH  signed by PEK  valid\n"
            + "OCA  signed by itself  valid\n$");
    assertShows("psp:history", "INIT +SUCCESS");
    assertShows("policy:explain 0x3", "NODBG +1 .*NOKS +1 ");
    for (int code = 0; code <= 0x27; code++) {
      if (code != 0x1e) { // there is none
        assertShows("psp:explain " + code, "^%Xh \\(%d\\)  [A-Z_]+\n.+\n$".formatted(code, code));
      }
    }
  }

  @Test
  void shouldExportAChainThatTheOwnersCommandsAccept() throws Exception {
    Path chain = folder.resolve("chain");
    Path ark = folder.resolve("ark");
    assertShows("psp:export --full %s --ark %s".formatted(chain, ark), "Wrote .*REDOUBT-DEV-ARK");
    assertShows(
        "owner:verify-platform %s --ark %s".formatted(chain, ark),
        "ARK +itself +valid\nASK +ARK +valid\nCEK +ASK +valid\nOCA +itself +valid\n"
            + "PEK +CEK, OCA +valid\nPDH +PEK +valid\n$");
    assertShows(
        "owner:session --name %s --ark %s %s 0x1".formatted(folder.resolve("s"), ark, chain),
        "For LAUNCH_START: ");
    byte[] bent = Files.readAllBytes(chain);
    bent[100] ^= 1;
    Path other = Files.write(folder.resolve("bent"), bent);
    assertShows("owner:verify-platform %s --ark %s".formatted(other, ark), "PDH .*NOT VALID: ");
    AssertionError refused =
        assertThrows(
            AssertionError.class,
            () -> new Shell().run("owner:session --ark %s %s 0x1".formatted(ark, other)));
    assertTrue(
        String.valueOf(refused.getMessage())
            .contains("No session with this platform: PDH is not valid: "),
        refused.getMessage());
  }

  @Test
  void shouldShowGuestsAndKeepTheReasonsOfRefusals() throws Exception {
    Path kernel = Files.write(folder.resolve("kernel"), HandMadeKernel.of("fa f4 ebfd"));
    Shell shell = new Shell();
    String create = "vm:create --name %s --memory 64M --kernel " + kernel + " %s";
    shell.run(create.formatted("one", "--policy 0x1"));
    shell.run(create.formatted("two", "--policy 0x3"));
    shell.run("vm:start two");
    assertShows(
        "psp:status",
        "State WORKING\n.*Guest +ASID +State +Policy\n +1 +1 +LSECRET +00000001h\n"
            + " +2 +2 +RUNNING +00000003h\n");
    assertThrows(AssertionError.class, () -> shell.run(create.formatted("three", "--policy 0x5")));
    assertShows("psp:history --refused 1", "LAUNCH_START +POLICY_FAILURE +\\d+ +POLICY\\.ES: ");
    shell.run("vm:stop one");
    shell.run("vm:stop two");
    String commands = shell.run("psp:history 100");
    assertEquals(
        2, Pattern.compile("DECOMMISSION +SUCCESS").matcher(commands).results().count(), commands);
    assertShows("psp:status", "State INIT\nSelf-owned\nNo guests\n$");
  }
}
