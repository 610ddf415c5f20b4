package org.redoubt.firmware.internal.keys;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Optional;
import org.redoubt.api.memory.MemoryView;
import org.redoubt.struct.Layouts;

/**
 * Non-volatile memory in the host's keeping (INIT_EX): an area of its memory, which it fills from a
 * file before INIT_EX and writes back to it after commands that change it. Never written: all FFh,
 * as Linux makes the file.
 *
 * <pre>
 * 0h  LENGTH  4  bytes of the sealed state
 * 4h  SEALED     the sealed state; the rest is FFh
 * </pre>
 */
public final class HostStore implements Store {
  /** Bytes of the area. Source: Linux {@code sev-dev.c}, {@code NV_LENGTH}. */
  public static final int BYTES = 32 << 10;

  private static final int HEADER = 4;

  private final MemoryView host;
  private final long spa;

  /** The area at {@code spa}, which was checked to be memory. */
  public HostStore(MemoryView host, long spa) {
    this.host = host;
    this.spa = spa;
  }

  @Override
  public Optional<byte[]> read() {
    byte[] area = new byte[BYTES];
    host.read(spa, MemorySegment.ofArray(area));
    boolean blank = true;
    for (byte b : area) {
      blank &= b == -1;
    }
    if (blank) {
      return Optional.empty();
    }
    int length = MemorySegment.ofArray(area).get(Layouts.LE32, 0);
    if (length < 0 || length > BYTES - HEADER) {
      return Optional.of(new byte[0]); // not ours: what unseals it says so
    }
    return Optional.of(Arrays.copyOfRange(area, HEADER, HEADER + length));
  }

  @Override
  public void write(byte[] sealed) {
    byte[] area = new byte[BYTES];
    Arrays.fill(area, (byte) -1);
    MemorySegment.ofArray(area).set(Layouts.LE32, 0, sealed.length);
    System.arraycopy(sealed, 0, area, HEADER, sealed.length);
    host.write(spa, MemorySegment.ofArray(area));
  }

  @Override
  public boolean durable() {
    return false;
  }
}
