package org.redoubt.firmware.internal.command;

import java.util.List;
import org.redoubt.firmware.internal.Command;

/** The commands this firmware has. */
public final class SevCommands {
  private SevCommands() {}

  /** One of each. */
  public static List<Command> all() {
    return List.of(
        new Init(),
        new Shutdown(),
        new PlatformReset(),
        new PlatformStatus(),
        new PekGen(),
        new PdhGen(),
        new PdhCertExport(),
        new GetId(),
        new DfFlush(),
        new Decommission(),
        new Activate(),
        new Deactivate(),
        new GuestStatus(),
        new LaunchStart(),
        new LaunchUpdateData(),
        new LaunchMeasure(),
        new LaunchSecret(),
        new LaunchFinish(),
        new PekCsr(),
        new PekCertImport(),
        new DownloadFirmware(),
        new InitEx(),
        new Nop(),
        new ActivateEx(),
        new LaunchUpdateVmsa(),
        new Attestation(),
        new SendStart(),
        new SendUpdateData(),
        new SendUpdateVmsa(),
        new SendFinish(),
        new SendCancel(),
        new ReceiveStart(),
        new ReceiveUpdateData(),
        new ReceiveUpdateVmsa(),
        new ReceiveFinish(),
        new DbgDecrypt(),
        new DbgEncrypt());
  }
}
