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
        new LaunchFinish());
  }
}
