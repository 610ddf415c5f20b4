package org.redoubt.spec.sev.command;

import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u32;
import static org.redoubt.struct.Layouts.u64;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import org.redoubt.struct.Field;

/**
 * Command buffer of DOWNLOAD_FIRMWARE.
 *
 * <pre>
 * offset name               bytes  dir    meaning
 * 00h  FW_PADDR                8  in     the firmware image
 * 08h  FW_LEN                  4  in     its length in bytes
 * </pre>
 *
 * <p>Source: Linux {@code linux/psp-sev.h}, {@code struct sev_data_download_firmware}.
 *
 * @param fwPaddr the firmware image
 * @param fwLen its length in bytes
 */
public record DownloadFirmwareBuffer(long fwPaddr, int fwLen) {
  /** The packed layout, 12 bytes. */
  public static final StructLayout LAYOUT =
      struct("DOWNLOAD_FIRMWARE", u64("FW_PADDR"), u32("FW_LEN"));

  private static final Field FW_PADDR = Field.of(LAYOUT, "FW_PADDR");
  private static final Field FW_LEN = Field.of(LAYOUT, "FW_LEN");

  /** Decodes a copied buffer of at least 12 bytes; reserved members are not looked at here. */
  public static DownloadFirmwareBuffer read(MemorySegment s) {
    return new DownloadFirmwareBuffer(FW_PADDR.get(s), FW_LEN.getInt(s));
  }

  /** Writes all fields; reserved members become zero. */
  public void write(MemorySegment s) {
    s.asSlice(0, LAYOUT.byteSize()).fill((byte) 0);
    FW_PADDR.set(s, fwPaddr);
    FW_LEN.set(s, fwLen);
  }
}
