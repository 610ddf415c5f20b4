package org.redoubt.linux.boot;

/**
 * The operator gave a kernel, initrd, command line or memory size that cannot boot. The message is
 * one sentence.
 */
public final class LinuxBootException extends Exception {
  private static final long serialVersionUID = 1L;

  /** Makes one from a sentence that names the values and what to do. */
  public LinuxBootException(String message) {
    super(message);
  }
}
