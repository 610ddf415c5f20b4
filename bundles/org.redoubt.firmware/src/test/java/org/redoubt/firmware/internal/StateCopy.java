package org.redoubt.firmware.internal;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.redoubt.crypto.InsecureSecretAccess;
import org.redoubt.crypto.SecretBytes;
import org.redoubt.firmware.internal.keys.PlatformKeys;

/**
 * What a command can change in the firmware, as plain bytes: quicker to take and to compare than
 * {@link StateHash}, which looks deeper. What cannot change in place is told by its object.
 */
final class StateCopy {
  private static final int ROOM = 1 << 16;

  /** ASIDs that tests use; {@link StateHash} looks at all. */
  private static final int ASIDS = 8;

  private final ByteBuffer bytes = ByteBuffer.allocate(ROOM);
  private final MemorySegment key = MemorySegment.ofArray(new byte[16]);
  private byte[] kept = {};
  private @Nullable Object platformKeys;

  /** Remembers how things are. */
  void take(Host host) {
    platformKeys = host.platform().keysIfInitialized().orElse(null);
    fill(host);
    kept = Arrays.copyOf(bytes.array(), bytes.position());
  }

  /** Whether things are as they were. */
  @SuppressWarnings("ReferenceEquality") // immutable, and replaced whole
  boolean isSame(Host host) {
    fill(host);
    return platformKeys == host.platform().keysIfInitialized().orElse(null)
        && Arrays.equals(kept, 0, kept.length, bytes.array(), 0, bytes.position());
  }

  private void fill(Host host) {
    Platform p = host.platform();
    bytes.clear();
    bytes.put((byte) p.state().code());
    bytes.put((byte) (p.encryptedState() ? 1 : 0));
    bytes.put((byte) (host.memory.wbinvdRequired() ? 1 : 0));
    bytes.put((byte) (p.keysIfInitialized().map(StateCopy::closed).orElse(false) ? 1 : 0));
    for (int asid = 1; asid <= ASIDS; asid++) {
      bytes.putInt(p.owner(asid).map(Guest::handle).orElse(0));
      bytes.put((byte) (host.memory.isActive(asid) ? 1 : 0));
    }
    for (var g : p.info().guests()) {
      Guest guest = p.guest(g.handle()).orElseThrow();
      bytes.putInt(g.handle()).putInt(g.policy().bits()).putInt(g.asid());
      bytes.putInt(g.state().code());
      bytes.put(guest.launchDigest());
      secret(guest.keys().transport().tek());
      secret(guest.keys().transport().tik());
      var measurement = guest.measurement();
      if (measurement != null) {
        bytes.put(measurement.toBytes());
      }
    }
  }

  private static boolean closed(PlatformKeys keys) {
    return keys.pek().scalar().isClosed() || keys.pdh().scalar().isClosed();
  }

  private void secret(SecretBytes secret) {
    secret.exposeTo(key, InsecureSecretAccess.get());
    bytes.put(key.asByteBuffer());
  }
}
