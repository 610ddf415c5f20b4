package org.redoubt.hypervisor.internal;

import java.util.ArrayList;
import java.util.List;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.firmware.CertificateSet;
import org.redoubt.api.firmware.CommandRecord;
import org.redoubt.api.firmware.Mailbox;
import org.redoubt.api.firmware.PlatformInfo;
import org.redoubt.api.firmware.SecureProcessor;

/**
 * A secure processor that also knows what was asked of those before it: a refused launch takes its
 * host down, and somebody will want to read why.
 */
final class ProcessorWithPast implements SecureProcessor {
  /** What is kept of the past, as much as a processor itself keeps. */
  private static final int MOST = 1000;

  private final SecureProcessor now;
  private final List<CommandRecord> past;

  ProcessorWithPast(SecureProcessor now, List<CommandRecord> past) {
    this.now = now;
    this.past = past;
  }

  @Override
  public List<CommandRecord> history() {
    List<CommandRecord> all = new ArrayList<>(past);
    all.addAll(now.history());
    return List.copyOf(all.subList(Math.max(0, all.size() - MOST), all.size()));
  }

  @Override
  public Mailbox mailbox() {
    return now.mailbox();
  }

  @Override
  public PlatformInfo info() {
    return now.info();
  }

  @Override
  public CertificateSet certificates() {
    return now.certificates();
  }

  @Override
  public void close() {
    now.close();
  }

  @Override
  public byte[] firmwareImage(String firmwareName, int securityVersion) throws HypervisorException {
    return now.firmwareImage(firmwareName, securityVersion);
  }
}
