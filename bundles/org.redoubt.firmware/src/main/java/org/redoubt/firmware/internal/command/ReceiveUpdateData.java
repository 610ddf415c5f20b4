package org.redoubt.firmware.internal.command;

import org.redoubt.crypto.PacketCipher;
import org.redoubt.spec.sev.SevCommand;

/** RECEIVE_UPDATE_DATA: guest memory. Its statuses: {@link ReceiveUpdate}. */
final class ReceiveUpdateData extends ReceiveUpdate {
  ReceiveUpdateData() {
    super(SevCommand.RECEIVE_UPDATE_DATA, PacketCipher.KIND_DATA);
  }
}
