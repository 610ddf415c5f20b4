package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;
import org.redoubt.api.firmware.SecureProcessor;
import org.redoubt.api.firmware.SecureProcessorConfig;
import org.redoubt.api.firmware.SecureProcessorConfig.NamedPolicy;
import org.redoubt.api.firmware.SecureProcessorFactory;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemorySystemFactory;
import org.redoubt.api.policy.FirmwarePolicy;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.Vm;
import org.redoubt.itests.container.InsideRedoubt;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.Mailbox;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.ActivateBuffer;
import org.redoubt.spec.sev.command.DbgBuffer;
import org.redoubt.spec.sev.command.HandleBuffer;
import org.redoubt.spec.sev.command.InitBuffer;
import org.redoubt.spec.sev.command.LaunchMeasureBuffer;
import org.redoubt.spec.sev.command.LaunchStartBuffer;
import org.redoubt.spec.sev.command.LaunchUpdateBuffer;

/**
 * Policies that come and go, and a vendor's firmware and policy from outside of this repository.
 */
@ExtendWith(InsideRedoubt.class)
class FirmwareIT {
  private static final List<String> SAMPLES =
      List.of("no-debug", "measured-owners", "same-oca", "rate-limit", "audit");

  @TempDir private Path folder;
  private String create = "";

  @BeforeEach
  void makeKernel() throws IOException {
    Path kernel = Files.write(folder.resolve("kernel"), HandMadeKernel.of("fa f4 ebfd"));
    create = "vm:create --name %s --memory 64M --kernel " + kernel + " %s";
  }

  @AfterEach
  void stopAll() {
    Services.get(Hypervisor.class).vms().forEach(Vm::close);
    String list = new Shell().run("policy:list");
    SAMPLES.stream()
        .filter(name -> list.lines().anyMatch(l -> l.matches(name + " +yes .*")))
        .forEach(name -> new Shell().run("policy:use --off " + name));
  }

  private void assertShows(String line, String pattern) {
    String shown = new Shell().run(line);
    assertTrue(
        Pattern.compile(pattern, Pattern.DOTALL).matcher(shown).find(),
        () -> line + ": no " + pattern + " in\n" + shown);
  }

  private void assertRefused(String line, String reason) {
    AssertionError refused = assertThrows(AssertionError.class, () -> new Shell().run(line));
    assertTrue(String.valueOf(refused.getMessage()).contains(reason), refused.getMessage());
  }

  @Test
  void shouldAskPoliciesFromTheNextCommandOnAndNoLonger() {
    new Shell().run(create.formatted("one", "--policy 0x0"));
    new Shell().run("vm:start one");
    new Shell().run("policy:use audit");
    new Shell().run("policy:use measured-owners owners=" + "00".repeat(32));
    assertShows("policy:list", "measured-owners +yes");
    assertRefused(create.formatted("two", "--policy 0x0"), "Policy measured-owners refuses: ");
    assertShows("psp:status", "1 +1 +RUNNING");
    new Shell().run("policy:use --off measured-owners");
    assertShows("policy:list", "measured-owners +no");
    new Shell().run(create.formatted("two", "--policy 0x0"));
    Services.await(
        "the audit trail has the refusal",
        () ->
            new Shell()
                .run("policy:audit 1000")
                .lines()
                .anyMatch(l ->
                    l.contains("LAUNCH_START") && l.contains("Policy measured-owners refuses")));
    assertShows("policy:audit 1000", "LAUNCH_START +SUCCESS");
  }

  @Test
  void shouldTakeSettingsOfAPolicyAtOnce() {
    new Shell().run("policy:use rate-limit perMinute=1 burst=1");
    assertShows("policy:list", "rate-limit +yes +burst=1 .*perMinute=1");
    new Shell().run(create.formatted("one", "--policy 0x0"));
    assertRefused(
        create.formatted("two", "--policy 0x0"), "Policy rate-limit refuses: more than 1");
    new Shell().run("policy:use rate-limit burst=50");
    new Shell().run(create.formatted("two", "--policy 0x0"));
    // What does not fit changes nothing.
    for (String wrong :
        List.of("perMinute=0", "perMinute=-1", "perMinute=many", "perMinute=99999999999")) {
      assertRefused("policy:use rate-limit burst=7 " + wrong, "perMinute takes a whole number");
    }
    assertRefused("policy:use rate-limit bursts=1", "rate-limit has no setting 'bursts'");
    assertRefused("policy:use rate-limit commands=NIX", "'NIX' is no firmware command");
    assertShows(
        "policy:list", "rate-limit +yes +burst=50 commands=LAUNCH_START,SEND.* perMinute=1 ");
    assertRefused("policy:use same-oca oca=nonsense", "'nonsense' is no SHA-256");
    assertRefused("policy:use no-debug launches=perhaps", "launches takes true or false");
    assertShows("policy:list", "no-debug +no .*same-oca +no ");
    new Shell().run("policy:use rate-limit burst=");
    assertShows("policy:list", "rate-limit +yes +burst=10 ");
  }

  /** ConfigurationAdmin takes anything: such a policy is there, and refuses. */
  @Test
  void shouldRefuseWhileTheConfigurationOfAPolicyIsWrong() {
    new Shell().run("policy:use rate-limit");
    for (String wrong : List.of("perMinute=0", "perMinute=many", "commands=NIX")) {
      new Shell().run("config:set org.redoubt.policy.rate-limit " + wrong);
      Services.await(
          "rate-limit refuses: " + wrong,
          () -> new Shell().run("policy:list").contains("rate-limit       refuses"));
      assertRefused(
          create.formatted("one", "--policy 0x0"),
          "Policy rate-limit refuses: its configuration is wrong: ");
      new Shell().run("policy:use --off rate-limit");
      new Shell().run("policy:use rate-limit");
    }
  }

  /** The next command about a guest that runs: debugging stops, and goes on. */
  @Test
  void shouldRefuseToDebugAGuestThatRuns() throws Exception {
    try (MemorySystem memory =
            Services.get(MemorySystemFactory.class).create(MemoryConfig.of("debugged", 4 << 20));
        SecureProcessor psp =
            Services.get(SecureProcessorFactory.class)
                .create(
                    new SecureProcessorConfig(
                        "psp9", memory, Optional.empty(), FirmwareIT::policies))) {
      int guest = launch(memory, psp);
      Consumer<MemorySegment> debug = new DbgBuffer(guest, 0x10000, 0x20000, 64)::write;
      assertEquals(FirmwareStatus.SUCCESS, issue(memory, psp, SevCommand.DBG_DECRYPT, debug));
      byte[] seen = new byte[64];
      memory.view(0).read(0x20000, MemorySegment.ofArray(seen));
      byte[] plain = new byte[64];
      Arrays.fill(plain, (byte) 7);
      assertEquals(Arrays.toString(plain), Arrays.toString(seen));
      new Shell().run("policy:use no-debug");
      assertEquals(
          FirmwareStatus.POLICY_FAILURE, issue(memory, psp, SevCommand.DBG_DECRYPT, debug));
      assertTrue(psp.history().getLast().reason().startsWith("Policy no-debug refuses: "));
      new Shell().run("policy:use --off no-debug");
      assertEquals(FirmwareStatus.SUCCESS, issue(memory, psp, SevCommand.DBG_DECRYPT, debug));
    }
  }

  private static List<NamedPolicy> policies() {
    try {
      return Services.context().getServiceReferences(FirmwarePolicy.class, null).stream()
          .map(FirmwareIT::named)
          .toList();
    } catch (InvalidSyntaxException e) {
      throw new AssertionError(e);
    }
  }

  private static NamedPolicy named(ServiceReference<FirmwarePolicy> reference) {
    return new NamedPolicy(
        String.valueOf(reference.getProperty(FirmwarePolicy.POLICY_NAME)),
        Services.context().getService(reference));
  }

  private static FirmwareStatus issue(
      MemorySystem memory, SecureProcessor psp, SevCommand command, Consumer<MemorySegment> fill) {
    MemorySegment b = MemorySegment.ofArray(new byte[command.bufferBytes()]);
    fill.accept(b);
    memory.view(0).write(0x1000, b);
    psp.mailbox().write(Mailbox.CMDBUF_ADDR_LO, 0x1000);
    psp.mailbox().write(Mailbox.CMDBUF_ADDR_HI, 0);
    psp.mailbox().write(Mailbox.CMDRESP, Mailbox.commandWord(command.id(), false));
    return FirmwareStatus.of(Mailbox.status(psp.mailbox().read(Mailbox.CMDRESP))).orElseThrow();
  }

  private static int launch(MemorySystem memory, SecureProcessor psp) {
    must(memory, psp, SevCommand.INIT, new InitBuffer(0, 0, 0)::write);
    must(memory, psp, SevCommand.LAUNCH_START, new LaunchStartBuffer(0, 0, 0, 0, 0, 0)::write);
    int guest = memory.view(0).getInt(0x1000);
    must(memory, psp, SevCommand.ACTIVATE, new ActivateBuffer(guest, 1)::write);
    memory.view(0).fill(0x10000, 0x1000, (byte) 7);
    must(
        memory,
        psp,
        SevCommand.LAUNCH_UPDATE_DATA,
        new LaunchUpdateBuffer(guest, 0x10000, 64)::write);
    must(memory, psp, SevCommand.LAUNCH_MEASURE, new LaunchMeasureBuffer(guest, 0x2000, 48)::write);
    must(memory, psp, SevCommand.LAUNCH_FINISH, new HandleBuffer(guest)::write);
    return guest;
  }

  private static void must(
      MemorySystem memory, SecureProcessor psp, SevCommand command, Consumer<MemorySegment> fill) {
    assertEquals(
        FirmwareStatus.SUCCESS,
        issue(memory, psp, command, fill),
        () -> psp.history().getLast().toString());
  }

  @Test
  void shouldLaunchAGuestWithAVendorsFirmware() throws Exception {
    Bundle vendor =
        Services.context().installBundle(Examples.build("my-firmware", folder).toUri().toString());
    vendor.start();
    try {
      assertShows("psp:update tiny", "^API 1\\.\\d+, build \\d+ -> 1\\.60, build 7\n$");
      new Shell().run(create.formatted("guest", "--policy 0x1"));
      new Shell().run("vm:start guest");
      assertShows(
          "psp:status", "API 1\\.60, build 7\nState WORKING\n.* 1 +\\d+ +RUNNING +00000001h");
      assertShows(
          "psp:history 100",
          "DOWNLOAD_FIRMWARE +SUCCESS.*LAUNCH_START +SUCCESS.*LAUNCH_FINISH +SUCCESS");
      new Shell().run("vm:stop guest");
      assertShows("psp:status", "API 1\\.60, build 7\n.*No guests"); // a host made anew
    } finally {
      stopAll();
      vendor.uninstall();
    }
    new Shell().run(create.formatted("guest", "--policy 0x1 --soc-cache 8M")); // its host is new
    assertShows("psp:status", "API 1\\.55"); // what the chip came with
  }

  /** The host's driver knows one set of registers; the posting's are others. */
  @Test
  void shouldGoOnAfterAnUpdateThatItCannotTalkTo() {
    new Shell().run("psp:status");
    assertRefused("psp:update sev-rfc", "That firmware has other registers than this host's");
    assertShows("psp:status", "^API 1\\.55, build 1\nState INIT");
    Path image = folder.resolve("image");
    new Shell().run("psp:update sev --save " + image);
    assertShows("psp:update --image " + image, "^API 1\\.55, build 1 -> 1\\.55, build 1\n$");
    assertRefused("psp:update nix", "expected an installed firmware, found nix");
    assertRefused("psp:update sev --svn 0", "BAD_SVN");
    assertShows("psp:status", "^API 1\\.55, build 1\nState INIT");
  }

  @Test
  void shouldObeyAPolicyFromElsewhereWhileItIsThere() throws Exception {
    Bundle vendor =
        Services.context().installBundle(Examples.build("my-policy", folder).toUri().toString());
    vendor.start();
    try {
      assertShows("policy:list", "office-hours +yes +from=8 until=18 ");
      new Shell().run("policy:use office-hours from=0 until=0");
      assertRefused(create.formatted("late", "--policy 0x0"), "Policy office-hours refuses: ");
      new Shell().run("policy:use office-hours until=24");
      new Shell().run(create.formatted("early", "--policy 0x0"));
      new Shell().run("vm:stop early");
      assertRefused("policy:use office-hours until=25", "a whole number from 0 to 24");
      assertRefused("policy:use office-hours --off", "felix:stop ends it");
      new Shell().run("policy:use office-hours until=0");
    } finally {
      vendor.uninstall();
    }
    new Shell().run(create.formatted("one", "--policy 0x0"));
  }
}
