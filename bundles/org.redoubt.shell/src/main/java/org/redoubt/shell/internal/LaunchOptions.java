package org.redoubt.shell.internal;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.vm.VmConfig;
import picocli.CommandLine.Option;

/** What {@code run} and {@code vm:create} take for the launch of an encrypted guest. */
final class LaunchOptions {
  @Option(
      names = "--session",
      paramLabel = "FILE",
      description = "The owner's session: NAME_session.b64 of 'owner session' or sevctl.")
  @Nullable Path session;

  @Option(
      names = "--dh-cert",
      paramLabel = "FILE",
      description = "The owner's DH certificate that belongs to it: NAME_godh.b64.")
  @Nullable Path dhCertificate;

  @Option(
      names = "--ark",
      paramLabel = "FILE",
      description = "Without --session: the root to check this platform under (default: its own).")
  @Nullable Path ark;

  @Option(
      names = "--secret",
      paramLabel = "FILE",
      description = "Without --session: the secret for the guest (default: random).")
  @Nullable Path secret;

  @Option(names = "--no-secret", description = "The guest gets no secret.")
  boolean noSecret;

  @Option(
      names = "--measurement",
      paramLabel = "FILE",
      description = "Writes the measurement here, in base64.")
  @Nullable Path measurement;

  @Option(
      names = "--launch-log",
      paramLabel = "FILE",
      description = "Writes the measured regions here, with the running digest.")
  @Nullable Path launchLog;

  @Option(
      names = "--launch-image",
      paramLabel = "FILE",
      description = "Writes the measured bytes here, as virt-qemu-sev-validate takes them.")
  @Nullable Path launchImage;

  boolean hasSession() {
    return session != null || dhCertificate != null;
  }

  /** Refuses combinations that mean nothing. */
  void check(VmConfig.Protection protection) throws UsageException {
    if ((session == null) != (dhCertificate == null)) {
      throw new UsageException("--session and --dh-cert go together");
    }
    if (session != null && (secret != null || ark != null)) {
      throw new UsageException(
          "--secret and --ark are the owner's business: they do not go with --session");
    }
    if (secret != null && noSecret) {
      throw new UsageException("--secret and --no-secret exclude each other");
    }
    boolean any =
        hasSession()
            || ark != null
            || secret != null
            || noSecret
            || measurement != null
            || launchLog != null
            || launchImage != null;
    if (any && protection == VmConfig.Protection.NONE) {
      throw new UsageException(
          "Sessions, secrets and measurements need an encrypted guest: --protection sev");
    }
  }
}
