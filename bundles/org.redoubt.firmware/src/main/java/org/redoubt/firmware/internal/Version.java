package org.redoubt.firmware.internal;

/**
 * Which firmware this is, as PLATFORM_STATUS and certificates say it.
 *
 * @param apiMajor version of its API, 0 to 255
 * @param apiMinor version of its API, 0 to 255
 * @param build build of that version, 0 to 255
 */
public record Version(int apiMajor, int apiMinor, int build) {
  /** The SEV API as a third-generation EPYC reports it. */
  public static final Version SEV = new Version(1, 55, 1);

  @Override
  public String toString() {
    return apiMajor + "." + apiMinor + "." + build;
  }
}
