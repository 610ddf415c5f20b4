package org.redoubt.firmware.internal.command;

import org.redoubt.crypto.PacketCipher;
import org.redoubt.spec.sev.SevCommand;

/** SEND_UPDATE_VMSA: one vCPU's save area of an SEV-ES guest. Its statuses: {@link SendUpdate}. */
final class SendUpdateVmsa extends SendUpdate {
  SendUpdateVmsa() {
    super(SevCommand.SEND_UPDATE_VMSA, PacketCipher.KIND_VMSA);
  }
}
