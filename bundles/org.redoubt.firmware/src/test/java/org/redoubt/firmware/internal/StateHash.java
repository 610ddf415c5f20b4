package org.redoubt.firmware.internal;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import org.redoubt.api.firmware.PlatformInfo;
import org.redoubt.crypto.Primitives;
import org.redoubt.firmware.internal.keys.PlatformKeys;

/**
 * A digest over everything a command can change in the firmware, secrets by a MAC under themselves.
 */
final class StateHash {
  private StateHash() {}

  static String of(Host host) {
    Platform p = host.platform();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      PlatformInfo info = p.info();
      out.writeInt(info.state().code());
      out.writeBoolean(info.encryptedState());
      out.writeBoolean(info.owned());
      out.write(p.chip().id());
      out.write(p.keysIfInitialized().map(k -> k.pdhCertificate().toBytes()).orElse(new byte[1]));
      out.write(p.keysIfInitialized().map(k -> k.pekCertificate().toBytes()).orElse(new byte[1]));
      out.write(p.keysIfInitialized().map(k -> k.ocaCertificate().toBytes()).orElse(new byte[1]));
      out.write(
          p.keysIfInitialized()
              .map(PlatformKeys::pdh)
              .map(k -> Primitives.hmacSha256(k.scalar()))
              .orElse(new byte[1]));
      for (PlatformInfo.Guest g : info.guests()) {
        Guest guest = p.guest(g.handle()).orElseThrow();
        out.writeInt(g.handle());
        out.writeInt(g.policy().bits());
        out.writeInt(g.asid());
        out.writeInt(g.state().code());
        out.write(guest.launchDigest());
        out.write(Primitives.hmacSha256(guest.keys().transport().tik()));
        out.write(Primitives.hmacSha256(guest.keys().transport().tek()));
        byte[] key = new byte[16];
        guest.keys().memoryKey("hash", java.lang.foreign.MemorySegment.ofArray(key));
        out.write(Primitives.sha256(key));
        var measurement = guest.measurement();
        out.write(measurement == null ? new byte[1] : measurement.toBytes());
      }
      for (int asid = 1; asid <= p.maxAsid(); asid++) {
        out.writeInt(p.owner(asid).map(Guest::handle).orElse(0));
        out.writeBoolean(host.memory.isActive(asid));
      }
      out.writeBoolean(host.memory.wbinvdRequired());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return Arrays.toString(Primitives.sha256(bytes.toByteArray()));
  }
}
