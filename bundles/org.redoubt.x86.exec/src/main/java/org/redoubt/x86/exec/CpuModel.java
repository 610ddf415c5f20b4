package org.redoubt.x86.exec;

import java.util.Set;
import org.redoubt.x86.decode.Feature;

/**
 * What a CPU model has: its features and CPUID leaves.
 *
 * @param name QEMU's name
 * @param signature EAX of CPUID Fn0000_0001
 * @param features instructions outside this set raise #UD
 */
public record CpuModel(String name, int signature, Set<Feature> features) {
  /** Copies the set. */
  public CpuModel {
    features = Set.copyOf(features);
  }

  public boolean has(Feature feature) {
    return features.contains(feature);
  }
}
