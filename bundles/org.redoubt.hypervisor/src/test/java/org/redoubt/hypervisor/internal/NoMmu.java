package org.redoubt.hypervisor.internal;

import org.redoubt.api.cpu.Mmu;

/** An MMU that maps nothing. */
final class NoMmu implements Mmu {
  @Override
  public int fill(long gva, int access, int bank) {
    return MMIO;
  }

  @Override
  public long hostAddress() {
    return 0;
  }

  @Override
  public long errorCode() {
    return 0;
  }

  @Override
  public long gpa() {
    return 0;
  }

  @Override
  public long spa() {
    return 0;
  }

  @Override
  public int tag() {
    return 0;
  }

  @Override
  public void written(long spa, long bytes) {}

  @Override
  public void setPaging(long cr0, long cr3, long cr4, long efer) {}

  @Override
  public boolean checkPdptes(long cr3) {
    return true;
  }

  @Override
  public void invalidate(long gva) {}

  @Override
  public void invalidateAll() {}

  @Override
  public long probe(long gva) {
    return -1;
  }
}
