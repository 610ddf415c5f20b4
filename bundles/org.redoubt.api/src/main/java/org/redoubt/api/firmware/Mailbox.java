package org.redoubt.api.firmware;

import org.osgi.annotation.versioning.ProviderType;

/**
 * The registers through which a host talks to the secure processor, by the offsets that Linux&#39;s
 * ccp driver uses within the device&#39;s MMIO range. Any thread; a command written to the command
 * register is carried out before {@link #write} returns, or in the background with an interrupt at
 * its end.
 */
@ProviderType
public interface Mailbox {
  /** Reads a 32-bit register; all ones where there is none. */
  int read(int offset);

  /** Writes a 32-bit register; no effect where there is none. */
  void write(int offset, int value);

  /** Who hears the interrupt: called when a command with the interrupt bit has completed. */
  void onInterrupt(Runnable listener);
}
