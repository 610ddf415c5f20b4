package org.redoubt.shell.internal;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.firmware.CertificateSet;
import org.redoubt.api.firmware.PlatformInfo;
import org.redoubt.api.guest.LaunchPlan;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.Launch;
import org.redoubt.api.vm.LaunchSession;
import org.redoubt.api.vm.Vm;
import org.redoubt.api.vm.VmConfig;
import org.redoubt.owner.ChainFile;
import org.redoubt.owner.GuestOwner;
import org.redoubt.owner.LaunchCheck;
import org.redoubt.owner.LaunchLog;
import org.redoubt.owner.LaunchPrediction;
import org.redoubt.owner.OwnerException;
import org.redoubt.owner.OwnerSession;
import org.redoubt.owner.OwnerTasks;
import org.redoubt.owner.PlatformReport;
import org.redoubt.shell.internal.owner.Policies;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.cert.CaCertificate;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.command.SessionBlob;

/**
 * Makes VMs, and sees encrypted ones through their launch up to where they can start: with an
 * owner's session it passes on what the owner gave; without one it plays the owner as well, who
 * trusts nothing but the platform's root.
 */
final class Launches {
  private static final int DEMO_SECRET_BYTES = 16;

  /** The loader whose launches the owner predicts, and how its images are known. */
  private static final String BZIMAGE_LOADER = "linux";

  private static final int BZIMAGE_MAGIC_AT = 0x202;

  private final Hypervisor hypervisor;
  private final PrintStream say;
  private final boolean terminal;

  /**
   * @param say hears what was done and verified
   * @param io whether somebody waits at a terminal
   */
  Launches(Hypervisor hypervisor, PrintStream say, ShellCommand.Io io) {
    this.hypervisor = hypervisor;
    this.say = say;
    this.terminal = Boolean.TRUE.equals(io.session().get(Console.TERMINAL));
  }

  /** The launch of an encrypted VM. */
  static Launch of(Vm vm) throws HypervisorException {
    return vm.launch()
        .orElseThrow(() ->
            new HypervisorException("VM '%s' is not encrypted".formatted(vm.config().name())));
  }

  /**
   * Makes a VM. When anything is refused, nothing of it is left.
   *
   * @throws UsageException says what was refused, by whom and why
   */
  Vm create(VmConfig config, LaunchOptions options) throws UsageException {
    options.check(config.protection());
    try {
      if (config.protection() == VmConfig.Protection.NONE) {
        return hypervisor.create(config);
      }
      return options.hasSession() ? withOwner(config, options) : onOurOwn(config, options);
    } catch (HypervisorException | OwnerException | IOException e) {
      throw new UsageException(Failures.oneLine(e));
    }
  }

  /** The owner is elsewhere; the measurement goes out to them. */
  private Vm withOwner(VmConfig config, LaunchOptions options)
      throws HypervisorException, OwnerException, IOException {
    byte[] certificate =
        OwnerSession.readBlob(Objects.requireNonNull(options.dhCertificate), SevCertificate.BYTES);
    byte[] session =
        OwnerSession.readBlob(
            Objects.requireNonNull(options.session), (int) SessionBlob.LAYOUT.byteSize());
    Vm vm = hypervisor.create(config, new LaunchSession(certificate, session));
    return orClose(
        vm,
        () -> {
          Launch launch = of(vm);
          write(launch, options);
          launched(launch);
          line("Measurement", measurement(launch));
          if (options.noSecret) {
            line("Secret", "none");
          }
        });
  }

  /** Plays both sides. */
  private Vm onOurOwn(VmConfig config, LaunchOptions options)
      throws HypervisorException, OwnerException, IOException {
    byte[] secret = secret(options, config.options().containsKey("icount"));
    hypervisor.prepare(config);
    CertificateSet set = certificates();
    CaCertificate root = options.ark == null ? set.ark() : new OwnerTasks().readArk(options.ark);
    ChainFile chain =
        new ChainFile(
            hypervisor.platformChain(),
            Optional.of(new ChainFile.MakerChain(set.ask(), set.ark())));
    GuestPolicy policy = Policies.parse(config.options().getOrDefault("policy", "0x1"));
    try (GuestOwner owner = GuestOwner.begin(root, chain, policy)) {
      Vm vm = hypervisor.create(config, new LaunchSession(owner.dhCertificate(), owner.session()));
      return orClose(
          vm,
          () -> {
            Launch launch = of(vm);
            write(launch, options);
            LaunchCheck.Firmware firmware = firmware();
            verify(owner, launch, config, firmware);
            line(
                "Platform",
                "chain PDH, PEK, OCA, CEK, ASK valid under root %s; firmware %s"
                    .formatted(PlatformReport.keyId(root), firmware));
            launched(launch);
            line(
                "Measurement",
                "valid under the owner's key: the digest is "
                    + (predicts(config) ? "the predicted one" : "the launched image's"));
            inject(owner, launch, secret);
          });
    } finally {
      Arrays.fill(secret, (byte) 0);
    }
  }

  private CertificateSet certificates() throws HypervisorException {
    if (!terminal) {
      return hypervisor.secureProcessor().certificates();
    }
    try (Patience patience =
        new Patience(say, "Making this platform's root and certificates; once only ...")) {
      return hypervisor.secureProcessor().certificates();
    }
  }

  private LaunchCheck.Firmware firmware() throws HypervisorException {
    PlatformInfo info = hypervisor.secureProcessor().info();
    return new LaunchCheck.Firmware(info.apiMajor(), info.apiMinor(), info.build());
  }

  /**
   * Whether the owner can tell what will be launched: a bzImage, by the loader for it. Of others
   * they check the image, byte for byte what was measured.
   */
  private static boolean predicts(VmConfig config) throws IOException {
    String loader = config.options().get("loader");
    if (loader != null) {
      return loader.equals(BZIMAGE_LOADER);
    }
    try (InputStream in = Files.newInputStream(config.kernel())) {
      in.skipNBytes(BZIMAGE_MAGIC_AT);
      return new String(in.readNBytes(4), StandardCharsets.ISO_8859_1).equals("HdrS");
    } catch (EOFException e) {
      return false;
    }
  }

  private static LaunchPrediction prediction(Launch launch, VmConfig config)
      throws OwnerException, IOException {
    if (!predicts(config)) {
      return new LaunchPrediction(
          launch.image().stream()
              .map(r -> new LaunchPrediction.Region(r.name(), r.gpa(), r.bytes()))
              .toList());
    }
    return new OwnerTasks()
        .measure(
            new OwnerTasks.LinuxGuest(
                config.kernel(),
                config.initrd(),
                config.append(),
                config.memoryBytes(),
                config.vcpus(),
                OwnerTasks.LinuxGuest.C_BIT,
                OwnerTasks.LinuxGuest.SECRET_BYTES));
  }

  private static void verify(
      GuestOwner owner, Launch launch, VmConfig config, LaunchCheck.Firmware firmware)
      throws OwnerException, IOException {
    LaunchPrediction expected = prediction(launch, config);
    LaunchCheck.Verdict verdict =
        owner.verify(launch.measurement(), expected, steps(launch), firmware);
    if (!verdict.valid()) {
      throw new OwnerException("The owner refuses the launch: " + verdict.explanation());
    }
  }

  private void inject(GuestOwner owner, Launch launch, byte[] secret)
      throws OwnerException, HypervisorException {
    if (secret.length == 0) {
      line("Secret", "none");
      return;
    }
    GuestOwner.Packet packet = owner.seal(secret);
    launch.secret(packet.header(), packet.ciphertext());
    line(
        "Secret",
        "%d bytes delivered to %xh, SHA-256 %s"
            .formatted(
                secret.length,
                launch.secretArea().map(LaunchPlan.SecretArea::gpa).orElse(0L),
                HexFormat.of().formatHex(sha256(secret))));
  }

  private static byte[] secret(LaunchOptions options, boolean repeatable)
      throws IOException, OwnerException {
    if (options.noSecret) {
      return new byte[0];
    }
    Path file = options.secret;
    if (file == null) {
      byte[] random = new byte[DEMO_SECRET_BYTES];
      if (!repeatable) {
        new SecureRandom().nextBytes(random);
      }
      return ("redoubt-" + HexFormat.of().formatHex(random)).getBytes(StandardCharsets.US_ASCII);
    }
    byte[] secret = Files.readAllBytes(file);
    if (secret.length == 0 || secret.length > OwnerTasks.LinuxGuest.SECRET_BYTES) {
      throw new OwnerException(
          "The secret %s has %d bytes; there is room for 1 to %d"
              .formatted(file, secret.length, OwnerTasks.LinuxGuest.SECRET_BYTES));
    }
    return secret;
  }

  private static byte[] sha256(byte[] bytes) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(bytes);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("bug: every JDK has SHA-256", e);
    }
  }

  // What people and tools get to see

  private void launched(Launch launch) {
    line("Policy", launch.policy() + ": " + launch.policy().summary());
    List<Launch.Step> log = launch.log();
    line(
        "Launched",
        "%d regions, %d KiB, digest %s"
            .formatted(
                log.size(),
                log.stream().mapToLong(Launch.Step::bytes).sum() >> 10,
                log.isEmpty() ? "none" : HexFormat.of().formatHex(log.getLast().digest())));
  }

  private void line(String name, String text) {
    say.println("%-12s %s".formatted(name, text));
  }

  /** The measurement as tools take it. */
  static String measurement(Launch launch) {
    return Base64.getEncoder().encodeToString(launch.measurement().toBytes());
  }

  /** The log as the owner's side reads it. */
  static List<LaunchPrediction.Step> steps(Launch launch) {
    return launch.log().stream()
        .map(s -> new LaunchPrediction.Step(s.name(), s.gpa(), s.bytes(), s.digest()))
        .toList();
  }

  private static void write(Launch launch, LaunchOptions options) throws IOException {
    write(launch, options.measurement, options.launchLog, options.launchImage);
  }

  /**
   * Writes what of a launch is wanted in files, the measurement last and at once: who waits for it
   * finds the rest.
   */
  static void write(
      Launch launch, @Nullable Path measurement, @Nullable Path log, @Nullable Path image)
      throws IOException {
    if (log != null) {
      Files.writeString(log, LaunchLog.format(steps(launch)));
    }
    if (image != null) {
      try (OutputStream out = Files.newOutputStream(image);
          WritableByteChannel channel = Channels.newChannel(out)) {
        for (LaunchPlan.Region region : launch.image()) {
          channel.write(region.bytes().asByteBuffer());
        }
      }
    }
    if (measurement != null) {
      Path target = measurement.toAbsolutePath();
      Path unfinished = target.resolveSibling(target.getFileName() + ".new");
      Files.writeString(unfinished, measurement(launch));
      Files.move(unfinished, target, StandardCopyOption.REPLACE_EXISTING);
    }
  }

  /** What may fail after a VM was made. */
  private interface Work {
    void run() throws HypervisorException, OwnerException, IOException;
  }

  private static Vm orClose(Vm vm, Work work)
      throws HypervisorException, OwnerException, IOException {
    boolean good = false;
    try {
      work.run();
      good = true;
      return vm;
    } finally {
      if (!good) {
        vm.close();
      }
    }
  }
}
