package org.redoubt.firmware.internal.command;

import org.redoubt.crypto.PacketCipher;
import org.redoubt.spec.sev.SevCommand;

/**
 * RECEIVE_UPDATE_VMSA: one vCPU's save area of an SEV-ES guest. Its statuses: {@link
 * ReceiveUpdate}.
 */
final class ReceiveUpdateVmsa extends ReceiveUpdate {
  ReceiveUpdateVmsa() {
    super(SevCommand.RECEIVE_UPDATE_VMSA, PacketCipher.KIND_VMSA);
  }
}
