package org.redoubt.gdb.internal;

import java.io.IOException;

/** What came is no remote serial protocol. The message ends a sentence: "the client sent ...". */
final class ProtocolException extends IOException {
  private static final long serialVersionUID = 1;

  ProtocolException(String what) {
    super(what);
  }
}
