package org.redoubt.firmware.internal.keys;

import java.io.IOException;
import java.util.Optional;

/** The chip's own non-volatile memory: a file of its state folder, or nothing that lasts. */
final class FolderStore implements Store {
  private static final String SEALED = "platform.sealed";

  private final Optional<StateFolder> folder;
  private Optional<byte[]> volatileState = Optional.empty();

  FolderStore(Optional<StateFolder> folder) {
    this.folder = folder;
  }

  @Override
  public Optional<byte[]> read() throws IOException {
    return folder.isPresent() ? folder.get().read(SEALED) : volatileState;
  }

  @Override
  public void write(byte[] sealed) throws IOException {
    if (folder.isPresent()) {
      folder.get().write(SEALED, sealed);
    } else {
      volatileState = Optional.of(sealed.clone());
    }
  }

  @Override
  public boolean durable() {
    return true;
  }
}
