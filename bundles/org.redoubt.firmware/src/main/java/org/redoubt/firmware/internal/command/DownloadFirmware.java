package org.redoubt.firmware.internal.command;

import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import org.redoubt.api.HypervisorException;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.FirmwareImage;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Platform;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.DownloadFirmwareBuffer;

/**
 * DOWNLOAD_FIRMWARE: another firmware takes over until the power goes off: it has the registers,
 * the memory's keys and the state folder from the next command on.
 *
 * <pre>
 * INVALID_LEN       FW_LEN is not that of an image
 * INVALID_ADDRESS   FW_PADDR is not memory, or overlaps the command buffer
 * INVALID_PARAM     the image's form is wrong
 * HWERROR_PLATFORM  the maker's key cannot be read
 * BAD_SIGNATURE     the maker did not sign it
 * BAD_SVN           its security version is below ours
 * UNSUPPORTED       no such firmware is installed
 * POLICY_FAILURE    a policy refuses
 * UPDATE_FAILED     it cannot be started; this one carries on
 * </pre>
 */
final class DownloadFirmware extends Command {
  private static final int BYTES = (int) FirmwareImage.LAYOUT.byteSize();

  DownloadFirmware() {
    super(SevCommand.DOWNLOAD_FIRMWARE, DownloadFirmwareBuffer.LAYOUT, PlatformStates.UNINIT);
  }

  @Override
  public Decision check(Call call, Optional<Guest> guest) {
    Platform p = call.platform();
    DownloadFirmwareBuffer b = DownloadFirmwareBuffer.read(call.buffer());
    if (b.fwLen() != BYTES) {
      return Refusal.of(
          FirmwareStatus.INVALID_LEN,
          "FW_LEN: expected %d, found %d",
          BYTES,
          Integer.toUnsignedLong(b.fwLen()));
    }
    Call.Range range = new Call.Range("FW_PADDR", b.fwPaddr(), BYTES);
    Optional<Refusal> bad = call.check(1, range);
    if (bad.isPresent()) {
      return bad.get();
    }
    FirmwareImage image = new FirmwareImage(call.read(range));
    bad = image.checkForm().or(() -> checkMaker(p, image));
    if (bad.isPresent()) {
      return bad.get();
    }
    return Approval.asking(
        Map.of("NAME", image.name(), "SVN", "%X".formatted(image.svn())),
        () -> update(p, image.name()));
  }

  private static Optional<Refusal> checkMaker(Platform p, FirmwareImage image) {
    try {
      if (!image.signedBy(p.chip().root())) {
        return Optional.of(
            Refusal.of(
                FirmwareStatus.BAD_SIGNATURE,
                "IMAGE.SIG: expected the maker's signature, found one that does not verify"));
      }
    } catch (IOException e) {
      return Optional.of(StateErrors.refusal(e));
    }
    if (Integer.compareUnsigned(image.svn(), Platform.SVN) < 0) {
      return Optional.of(
          Refusal.of(
              FirmwareStatus.BAD_SVN,
              "IMAGE.SVN: expected at least %d, found %d",
              Platform.SVN,
              Integer.toUnsignedLong(image.svn())));
    }
    if (!p.updater().knows(image.name())) {
      return Optional.of(
          Refusal.of(
              FirmwareStatus.UNSUPPORTED,
              "IMAGE.NAME: expected an installed firmware, found %s",
              image.name()));
    }
    return Optional.empty();
  }

  private static Optional<Refusal> update(Platform p, String name) {
    try {
      p.updater().switchTo(name);
      return Optional.empty();
    } catch (HypervisorException e) {
      return Optional.of(
          Refusal.of(
              FirmwareStatus.UPDATE_FAILED,
              "Firmware %s does not start: %s",
              name,
              String.valueOf(e.getMessage())));
    }
  }
}
