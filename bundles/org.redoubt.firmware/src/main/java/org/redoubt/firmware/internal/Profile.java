package org.redoubt.firmware.internal;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.redoubt.firmware.internal.command.RfcFinish;
import org.redoubt.firmware.internal.command.RfcLaunchFinish;
import org.redoubt.firmware.internal.command.RfcLaunchStart;
import org.redoubt.firmware.internal.command.RfcPdhCertExport;
import org.redoubt.firmware.internal.command.RfcPekCertImport;
import org.redoubt.firmware.internal.command.RfcPekCsr;
import org.redoubt.firmware.internal.command.RfcReceiveStart;
import org.redoubt.firmware.internal.command.RfcReceiveUpdate;
import org.redoubt.firmware.internal.command.RfcSendStart;
import org.redoubt.firmware.internal.command.RfcSendUpdate;
import org.redoubt.firmware.internal.command.SevCommands;
import org.redoubt.spec.sev.SevCommand;

/**
 * One behaviour of this firmware.
 *
 * @param version what it says it is
 * @param dialect how it is spoken to
 * @param commands what it can do
 */
record Profile(Version version, Dialect dialect, List<Command> commands) {
  /** The SEV API, 1.55. */
  static final Profile SEV = new Profile(Version.SEV, Dialect.SEV, SevCommands.all());

  /** The seed: the first posting for Linux. */
  static final Profile RFC = new Profile(new Version(0, 0, 1), new RfcDialect(), rfc());

  private static List<Command> rfc() {
    Set<SevCommand> same =
        EnumSet.of(
            SevCommand.INIT,
            SevCommand.SHUTDOWN,
            SevCommand.PLATFORM_RESET,
            SevCommand.PLATFORM_STATUS,
            SevCommand.PEK_GEN,
            SevCommand.PDH_GEN,
            SevCommand.DF_FLUSH,
            SevCommand.ACTIVATE,
            SevCommand.DEACTIVATE,
            SevCommand.DECOMMISSION,
            SevCommand.GUEST_STATUS,
            SevCommand.LAUNCH_UPDATE_DATA,
            SevCommand.DBG_DECRYPT,
            SevCommand.DBG_ENCRYPT);
    List<Command> out = new ArrayList<>();
    SevCommands.all().stream().filter(c -> same.contains(c.id())).forEach(out::add);
    out.addAll(
        List.of(
            new RfcLaunchStart(),
            new RfcLaunchFinish(),
            new RfcPekCsr(),
            new RfcPekCertImport(),
            new RfcPdhCertExport(),
            new RfcSendStart(),
            new RfcSendUpdate(),
            RfcFinish.ofSend(),
            new RfcReceiveStart(),
            new RfcReceiveUpdate(),
            RfcFinish.ofReceive()));
    return List.copyOf(out);
  }
}
