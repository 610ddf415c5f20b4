package org.redoubt.owner;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.UUID;

/**
 * The table of secrets that OVMF, Linux's {@code efi_secret} and the public tools agree on: a
 * header GUID and length, then GUID, length and bytes of each secret, padded with zeros to a
 * multiple of 16.
 *
 * <pre>
 * GUID    16  1e74f542-71dd-4d66-963e-ef4287ff173b
 * LENGTH   4  of the table with this header
 *   GUID    16  \ one per
 *   LENGTH   4  | secret, with
 *   bytes       / its own header
 * </pre>
 *
 * <p>GUIDs are in the mixed-endian form of EFI. Source: virtee/sevctl {@code secret.rs}, {@code
 * measurement.rs}; QEMU's documentation.
 */
public final class SecretTable {
  /** GUID of the table. */
  public static final UUID TABLE = UUID.fromString("1e74f542-71dd-4d66-963e-ef4287ff173b");

  private static final int HEADER_BYTES = 20;
  private static final int BLOCK = 16;

  private SecretTable() {}

  /** The table of these secrets, in the map's order. */
  public static byte[] build(Map<UUID, byte[]> secrets) {
    int length = HEADER_BYTES;
    for (byte[] s : secrets.values()) {
      length = Math.addExact(length, HEADER_BYTES + s.length);
    }
    ByteBuffer out = ByteBuffer.allocate(roundUp(length)).order(ByteOrder.LITTLE_ENDIAN);
    header(out, TABLE, length);
    secrets.forEach((guid, bytes) -> {
      header(out, guid, HEADER_BYTES + bytes.length);
      out.put(bytes);
    });
    return out.array();
  }

  private static void header(ByteBuffer out, UUID guid, int length) {
    long high = guid.getMostSignificantBits();
    out.putInt((int) (high >>> 32)).putShort((short) (high >>> 16)).putShort((short) high);
    out.order(ByteOrder.BIG_ENDIAN).putLong(guid.getLeastSignificantBits());
    out.order(ByteOrder.LITTLE_ENDIAN).putInt(length);
  }

  /** A secret without a table: padded with zeros to a multiple of 16, at least 16. */
  public static byte[] plain(byte[] secret) {
    return java.util.Arrays.copyOf(secret, Math.max(BLOCK, roundUp(secret.length)));
  }

  private static int roundUp(int length) {
    return length + BLOCK - 1 & -BLOCK;
  }
}
