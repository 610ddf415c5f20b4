package org.redoubt.firmware.internal;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.redoubt.api.firmware.CertificateSet;
import org.redoubt.api.firmware.CommandRecord;
import org.redoubt.api.firmware.Mailbox;
import org.redoubt.api.firmware.PlatformInfo;
import org.redoubt.api.firmware.SecureProcessor;
import org.redoubt.api.firmware.SecureProcessorConfig;
import org.redoubt.crypto.RootAuthority;
import org.redoubt.firmware.internal.command.SevCommands;
import org.redoubt.firmware.internal.keys.Chip;
import org.redoubt.firmware.internal.keys.PlatformKeys;
import org.redoubt.spec.sev.cert.SevCertificate;

/** A secure processor: the parts put together. */
final class SevSecureProcessor implements SecureProcessor {
  /** What a policy has for an answer. */
  static final Duration POLICY_LIMIT = Duration.ofSeconds(1);

  private final Platform platform;
  private final Policies policies;
  private final History history = new History();
  private final Dispatcher dispatcher;
  private final MailboxRegisters mailbox;

  SevSecureProcessor(
      SecureProcessorConfig config, Chip chip, SecureRandom random, Duration policyLimit) {
    this.policies = new Policies(config.policies(), policyLimit);
    this.platform = new Platform(config.memory(), chip, random, this::refuseEngineChange);
    this.dispatcher = new Dispatcher(platform, policies, history, SevCommands.all());
    this.mailbox = new MailboxRegisters(dispatcher);
  }

  private Optional<String> refuseEngineChange(Guest guest, String engineName) {
    return policies
        .ask("ENGINE_CHANGE", Optional.of(guest), Map.of("ENGINE", engineName))
        .map(Refusal::reason);
  }

  @Override
  public Mailbox mailbox() {
    return mailbox;
  }

  @Override
  public List<CommandRecord> history() {
    return history.list();
  }

  @Override
  public PlatformInfo info() {
    return dispatcher.between(platform::info);
  }

  @Override
  public CertificateSet certificates() {
    try {
      RootAuthority root = platform.chip().root(); // outside of the lock: it may take seconds
      SevCertificate cek = platform.chip().cekCertificate(Platform.API_MAJOR, Platform.API_MINOR);
      Optional<PlatformKeys> keys = dispatcher.between(platform::keysIfInitialized);
      return new CertificateSet(root.ark(), root.ask(), keys.map(k -> k.chain(cek)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** For tests. */
  Platform platform() {
    return platform;
  }

  @Override
  public void close() {
    dispatcher.close();
    platform.close();
    policies.close();
  }
}
