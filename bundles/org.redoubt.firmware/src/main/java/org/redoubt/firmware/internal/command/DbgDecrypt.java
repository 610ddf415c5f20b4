package org.redoubt.firmware.internal.command;

import org.redoubt.spec.sev.SevCommand;

/** DBG_DECRYPT: bytes of a guest, in plain text for the host. Its statuses: {@link Debug}. */
final class DbgDecrypt extends Debug {
  DbgDecrypt() {
    super(SevCommand.DBG_DECRYPT, true);
  }
}
