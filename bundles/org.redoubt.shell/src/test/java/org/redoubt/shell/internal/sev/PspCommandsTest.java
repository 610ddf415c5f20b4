package org.redoubt.shell.internal.sev;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.redoubt.api.firmware.CertificateSet;
import org.redoubt.api.firmware.CommandRecord;
import org.redoubt.api.firmware.PlatformInfo;
import org.redoubt.api.firmware.SecureProcessor;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.crypto.Certificates;
import org.redoubt.crypto.P384PrivateKey;
import org.redoubt.crypto.RootAuthority;
import org.redoubt.owner.ChainFile;
import org.redoubt.shell.internal.Called;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.PlatformState;
import org.redoubt.spec.sev.cert.Algorithm;
import org.redoubt.spec.sev.cert.PlatformChain;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.cert.Usage;

/** The commands {@code psp:} and {@code policy:explain}, before a processor that stands still. */
final class PspCommandsTest {
  private static final RootAuthority ROOT = RootAuthority.generate(2048, new SecureRandom());

  @TempDir Path folder;

  private static SevCertificate unsigned(Usage usage, Algorithm algorithm, P384PrivateKey key) {
    return SevCertificate.unsigned(
        1, 55, usage, algorithm, key.publicKey().qx(), key.publicKey().qy());
  }

  private static PlatformChain chain() {
    SecureRandom random = new SecureRandom();
    try (P384PrivateKey cek = P384PrivateKey.generate(random);
        P384PrivateKey oca = P384PrivateKey.generate(random);
        P384PrivateKey pek = P384PrivateKey.generate(random);
        P384PrivateKey pdh = P384PrivateKey.generate(random)) {
      Algorithm ecdsa = Algorithm.ECDSA_SHA256;
      SevCertificate pekByOca =
          Certificates.sign(unsigned(Usage.PEK, ecdsa, pek), 0, Usage.OCA, oca);
      return new PlatformChain(
          Certificates.sign(unsigned(Usage.PDH, Algorithm.ECDH_SHA256, pdh), 0, Usage.PEK, pek),
          Certificates.sign(pekByOca, 1, Usage.CEK, cek),
          Certificates.sign(unsigned(Usage.OCA, ecdsa, oca), 0, Usage.OCA, oca),
          ROOT.certify(unsigned(Usage.CEK, ecdsa, cek)));
    }
  }

  private static Processors processors(PlatformInfo info, CertificateSet certificates) {
    List<CommandRecord> history =
        List.of(
            record("INIT", 0, "SUCCESS", ""),
            record("LAUNCH_START", 7, "POLICY_FAILURE", "the policy 'no' refuses"),
            record("UNKNOWN", 0x11, "INVALID_COMMAND", "expected a command, found 99h"));
    SecureProcessor processor =
        (SecureProcessor)
            Proxy.newProxyInstance(
                SecureProcessor.class.getClassLoader(),
                new Class<?>[] {SecureProcessor.class},
                (proxy, method, arguments) ->
                    switch (method.getName()) {
                      case "info" -> info;
                      case "history" -> history;
                      case "certificates" -> certificates;
                      default -> throw new AssertionError(method);
                    });
    Hypervisor hypervisor =
        (Hypervisor)
            Proxy.newProxyInstance(
                Hypervisor.class.getClassLoader(),
                new Class<?>[] {Hypervisor.class},
                (proxy, method, arguments) ->
                    switch (method.getName()) {
                      case "secureProcessor" -> processor;
                      case "hashCode" -> 1;
                      case "equals" -> proxy == arguments[0];
                      default -> throw new AssertionError(method);
                    });
    Processors processors = new Processors();
    processors.add(hypervisor);
    return processors;
  }

  private static CommandRecord record(String name, int status, String statusName, String reason) {
    return new CommandRecord(Instant.EPOCH, 0x99, name, status, statusName, reason, 1_234_567);
  }

  private static PlatformInfo info(boolean owned, boolean es, PlatformInfo.Guest... guests) {
    return new PlatformInfo(1, 55, 1, PlatformState.WORKING, owned, es, List.of(guests));
  }

  private static CertificateSet certificates(Optional<PlatformChain> chain) {
    return new CertificateSet(ROOT.ark(), ROOT.ask(), chain);
  }

  @Test
  void shouldShowThePlatformAndItsGuests() {
    CertificateSet none = certificates(Optional.empty());
    assertEquals(
        List.of("API 1.55, build 1", "State WORKING", "Self-owned", "No guests"),
        Called.of(new PspStatus(processors(info(false, false), none))).lines());
    PlatformInfo.Guest guest = new PlatformInfo.Guest(3, new GuestPolicy(1), 0, GuestState.LSECRET);
    assertEquals(
        List.of(
            "API 1.55, build 1",
            "State WORKING, SEV-ES initialized",
            "Owned externally",
            "Guest  ASID  State       Policy",
            "    3     -  LSECRET  00000001h"),
        Called.of(new PspStatus(processors(info(true, true, guest), none))).lines());
  }

  @Test
  void shouldDrawTheCertificatesAndSayWhichIsNotValid() {
    PlatformChain good = chain();
    Called shown =
        Called.of(new PspCerts(processors(info(false, false), certificates(Optional.of(good)))));
    assertEquals(0, shown.status());
    assertEquals(
        List.of(
            "ARK  REDOUBT-DEV-ARK  signed by itself  valid",
            "+- ASK  REDOUBT-DEV-ASK  signed by ARK  valid",
            "   +- CEK  signed by ASK  valid",
            "      +- PEK  signed by CEK, OCA  valid",
            "         +- PDH  signed by PEK  valid",
            "OCA  signed by itself  valid"),
        shown.lines());
    PlatformChain mixed = new PlatformChain(chain().pdh(), good.pek(), good.oca(), good.cek());
    Called bad =
        Called.of(new PspCerts(processors(info(false, false), certificates(Optional.of(mixed)))));
    assertEquals(1, bad.status());
    assertEquals(1, bad.lines().stream().filter(l -> l.contains("NOT VALID")).count(), bad.out());
    assertTrue(bad.out().contains("+- PDH  signed by PEK  NOT VALID: "), bad.out());
    Called none =
        Called.of(new PspCerts(processors(info(false, false), certificates(Optional.empty()))));
    assertEquals(1, none.status());
    assertEquals(3, none.lines().size(), none.out());
  }

  @Test
  void shouldExportWhatOwnersRead() throws Exception {
    PlatformChain chain = chain();
    Processors processors = processors(info(false, false), certificates(Optional.of(chain)));
    Path file = folder.resolve("chain");
    Path ark = folder.resolve("ark");
    assertEquals("Wrote " + file + "\n", Called.of(new PspExport(processors), file).out());
    assertArrayEquals(chain.toBytes(), Files.readAllBytes(file));
    assertEquals(0, Called.of(new PspExport(processors), "--full", file, "--ark", ark).status());
    assertEquals(ROOT.ask(), ChainFile.of(Files.readAllBytes(file)).maker().orElseThrow().ask());
    assertArrayEquals(ROOT.ark().toBytes(), Files.readAllBytes(ark));
    Processors early = processors(info(false, false), certificates(Optional.empty()));
    assertEquals(
        new Called(1, "The platform is not initialized: it has no chain"),
        Called.of(new PspExport(early), file));
    assertEquals(2, Called.of(new PspExport(processors)).status());
    assertEquals(1, Called.of(new PspExport(processors), "/nowhere/chain").lines().size());
  }

  @Test
  void shouldListTheHistory() {
    Processors processors = processors(info(false, false), certificates(Optional.empty()));
    List<String> all = Called.of(new PspHistory(processors)).lines();
    assertEquals(4, all.size());
    assertTrue(all.get(1).matches("\\S+  INIT +SUCCESS +1234"), all.get(1));
    assertTrue(
        all.get(2).matches("\\S+  LAUNCH_START +POLICY_FAILURE +1234  the policy 'no' refuses"),
        all.get(2));
    assertTrue(all.get(3).contains("  99h  "), all.get(3));
    assertEquals(2, Called.of(new PspHistory(processors), "1").lines().size());
    List<String> refused = Called.of(new PspHistory(processors), "--refused").lines();
    assertEquals(3, refused.size());
    assertTrue(refused.get(1).contains("LAUNCH_START"), refused.get(1));
    assertEquals(2, Called.of(new PspHistory(processors), "many").status());
  }

  @Test
  void shouldSayThatThereIsNoHypervisor() {
    assertEquals(
        new Called(1, "No hypervisor is installed: start the bundle org.redoubt.hypervisor"),
        Called.of(new PspStatus(new Processors())));
  }

  @ParameterizedTest
  @CsvSource({
    "0xF, 0, Fh (15)  DFFLUSH_REQUIRED",
    "15, 0, Fh (15)  DFFLUSH_REQUIRED",
    "bad_measurement, 0, Bh (11)  BAD_MEASUREMENT",
    "0, 0, 0h (0)  SUCCESS",
    "0x99, 1, is no status: it takes a name",
    "NIX, 1, is no status: it takes a name",
  })
  void shouldExplainStatuses(String code, int status, String line) {
    Called called = Called.of(new PspExplain(), code);
    assertEquals(status, called.status());
    assertTrue(called.lines().getFirst().contains(line), called.out());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "0x1 | 0 | bit 0  NODBG   1  the host may not debug the guest",
        "0x0 | 0 | bit 0  NODBG   0  the host may read and write",
        "0x5 | 0 | bit 2  ES      1  register state is encrypted too (SEV-ES)",
        "0x37010000 | 0 | API at least 1.55",
        "0x5 | 0 | Warning: it cannot boot: it wants SEV-ES",
        "0x38010000 | 0 | Warning: it cannot boot: it wants API 1.56, this platform has 1.55",
        "0x19 | 0 | Warning: DOMAIN and SEV have no effect beside NOSEND",
        "0x40 | 1 | not well-formed: 40h set, must be zero",
        "9999999999 | 1 | '9999999999' is no policy: it takes 32 bits",
        "nix | 1 | 'nix' is no policy: it takes 32 bits",
      })
  void shouldPutPoliciesIntoWords(String policy, int status, String words) {
    Processors here = processors(info(false, false), certificates(Optional.empty()));
    Called called = Called.of(new PolicyExplain(here), policy);
    assertEquals(status, called.status(), called.out());
    assertTrue(called.out().contains(words), called.out());
  }

  @Test
  void shouldSummarizeAPolicyInOneLine() {
    assertEquals("no demands", new GuestPolicy(0).summary());
    assertEquals("no debugging", new GuestPolicy(1).summary());
    assertEquals(
        "no debugging, no key sharing, registers encrypted (SEV-ES), no sending, API at least 1.55",
        new GuestPolicy(0x3701_000f).summary());
    assertEquals("sending within the owner's domain only", new GuestPolicy(0x30).summary());
    assertEquals("sending to SEV platforms only", new GuestPolicy(0x20).summary());
  }
}
