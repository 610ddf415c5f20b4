package org.redoubt.firmware.internal.command;

import org.redoubt.crypto.PacketCipher;
import org.redoubt.spec.sev.SevCommand;

/** SEND_UPDATE_DATA: guest memory. Its statuses: {@link SendUpdate}. */
final class SendUpdateData extends SendUpdate {
  SendUpdateData() {
    super(SevCommand.SEND_UPDATE_DATA, PacketCipher.KIND_DATA);
  }
}
