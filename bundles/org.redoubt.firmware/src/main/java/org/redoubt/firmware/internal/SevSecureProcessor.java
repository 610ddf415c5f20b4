package org.redoubt.firmware.internal;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.firmware.CertificateSet;
import org.redoubt.api.firmware.CommandRecord;
import org.redoubt.api.firmware.Mailbox;
import org.redoubt.api.firmware.PlatformInfo;
import org.redoubt.api.firmware.SecureProcessor;
import org.redoubt.api.firmware.SecureProcessorConfig;
import org.redoubt.api.firmware.SecureProcessorFactory;
import org.redoubt.crypto.RootAuthority;
import org.redoubt.firmware.internal.keys.Chip;
import org.redoubt.firmware.internal.keys.PlatformKeys;
import org.redoubt.spec.sev.cert.SevCertificate;

/** A secure processor: the parts put together. */
final class SevSecureProcessor implements SecureProcessor {
  /** What a policy has for an answer. */
  static final Duration POLICY_LIMIT = Duration.ofSeconds(1);

  private final SecureProcessorConfig config;
  private final Platform platform;
  private final Policies policies;
  private final History history = new History();
  private final Dispatcher dispatcher;
  private final MailboxRegisters mailbox;
  private volatile @Nullable SecureProcessor successor;

  SevSecureProcessor(
      SecureProcessorConfig config, Chip chip, SecureRandom random, Duration policyLimit) {
    this(config, chip, random, policyLimit, Profile.SEV);
  }

  SevSecureProcessor(
      SecureProcessorConfig config,
      Chip chip,
      SecureRandom random,
      Duration policyLimit,
      Profile profile) {
    this.config = config;
    this.policies = new Policies(config.policies(), policyLimit);
    this.platform =
        new Platform(
            config.memory(),
            chip,
            random,
            this::refuseEngineChange,
            profile.version(),
            new Successors());
    this.dispatcher = new Dispatcher(platform, policies, history, profile);
    this.mailbox = new MailboxRegisters(dispatcher, profile.dialect());
  }

  private Optional<String> refuseEngineChange(Guest guest, String engineName) {
    return policies
        .ask(Policies.request("ENGINE_CHANGE", Optional.of(guest), Map.of("ENGINE", engineName)))
        .map(Refusal::reason);
  }

  /** Other firmwares on the same chip and memory. */
  private final class Successors implements Platform.Updater {
    @Override
    public boolean knows(String firmwareName) {
      return config.firmwares().find(firmwareName).isPresent();
    }

    @Override
    public void switchTo(String firmwareName) throws HypervisorException {
      SecureProcessorFactory factory =
          config
              .firmwares()
              .find(firmwareName)
              .orElseThrow(() -> new HypervisorException("Firmware " + firmwareName + " is gone"));
      SecureProcessor next;
      try {
        next = factory.create(config);
      } catch (HypervisorException | RuntimeException e) {
        config.memory().setKeyInstaller(Optional.of(platform));
        throw e instanceof HypervisorException h
            ? h
            : new HypervisorException("it failed with " + e, e);
      }
      successor = next;
      mailbox.handOver(next.mailbox());
      platform.retire();
    }
  }

  @Override
  public Mailbox mailbox() {
    return mailbox;
  }

  @Override
  public List<CommandRecord> history() {
    SecureProcessor next = successor;
    if (next == null) {
      return history.list();
    }
    List<CommandRecord> all = new ArrayList<>(history.list());
    all.addAll(next.history());
    return List.copyOf(all);
  }

  @Override
  public PlatformInfo info() {
    SecureProcessor next = successor;
    return next != null ? next.info() : dispatcher.between(platform::info);
  }

  @Override
  public CertificateSet certificates() {
    SecureProcessor next = successor;
    if (next != null) {
      return next.certificates();
    }
    try {
      RootAuthority root = platform.chip().root(); // outside of the lock: it may take seconds
      SevCertificate cek = platform.chip().cekCertificate(platform.api());
      Optional<PlatformKeys> keys = dispatcher.between(platform::keysIfInitialized);
      return new CertificateSet(root.ark(), root.ask(), keys.map(k -> k.chain(cek)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public byte[] firmwareImage(String firmwareName, int securityVersion) throws HypervisorException {
    SecureProcessor next = successor;
    if (next != null) {
      return next.firmwareImage(firmwareName, securityVersion);
    }
    try {
      return FirmwareImage.of(firmwareName, securityVersion, platform.chip().root()).toBytes();
    } catch (IOException | IllegalArgumentException e) {
      throw new HypervisorException(String.valueOf(e.getMessage()), e);
    }
  }

  @Override
  public boolean seedGuestKeys(Optional<Long> seed) {
    SecureProcessor next = successor;
    if (next != null) {
      return next.seedGuestKeys(seed);
    }
    if (seed.isEmpty()) {
      platform.setGuestRandom(null);
      return true;
    }
    try {
      // Seeded before its first use, this one gives what follows from the seed alone.
      SecureRandom seeded = SecureRandom.getInstance("SHA1PRNG");
      seeded.setSeed(ByteBuffer.allocate(Long.BYTES).putLong(seed.get()).array());
      platform.setGuestRandom(seeded);
      return true;
    } catch (NoSuchAlgorithmException e) {
      return false;
    }
  }

  /** For tests. */
  Platform platform() {
    return platform;
  }

  @Override
  public void close() {
    dispatcher.close();
    SecureProcessor next = successor;
    if (next != null) {
      next.close();
    } else {
      platform.close();
    }
    policies.close();
  }
}
