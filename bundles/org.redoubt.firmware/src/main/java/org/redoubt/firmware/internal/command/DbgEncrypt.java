package org.redoubt.firmware.internal.command;

import org.redoubt.spec.sev.SevCommand;

/** DBG_ENCRYPT: bytes of the host, under the guest's key. Its statuses: {@link Debug}. */
final class DbgEncrypt extends Debug {
  DbgEncrypt() {
    super(SevCommand.DBG_ENCRYPT, false);
  }
}
