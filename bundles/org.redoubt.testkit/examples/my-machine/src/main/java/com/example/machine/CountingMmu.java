package com.example.machine;

import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.cpu.Mmu;
import org.redoubt.api.cpu.MmuConfig;
import org.redoubt.api.cpu.MmuFactory;

/** An MMU that counts its walks, around the one called {@code walk}. */
@Component(property = {MmuFactory.MMU_NAME + "=counting", "service.ranking:Integer=100"})
public final class CountingMmu implements MmuFactory {
  private final MmuFactory inner;

  @Activate
  public CountingMmu(@Reference(target = "(" + MmuFactory.MMU_NAME + "=walk)") MmuFactory inner) {
    this.inner = inner;
  }

  @Override
  public Mmu create(MmuConfig config) {
    return new Counting(inner.create(config));
  }

  private record Counting(Mmu inner) implements Mmu {
    @Override
    public int fill(long gva, int access, int bank) {
      Counters.WALKS.incrementAndGet();
      return inner.fill(gva, access, bank);
    }

    @Override
    public long hostAddress() {
      return inner.hostAddress();
    }

    @Override
    public long errorCode() {
      return inner.errorCode();
    }

    @Override
    public long gpa() {
      return inner.gpa();
    }

    @Override
    public long spa() {
      return inner.spa();
    }

    @Override
    public int tag() {
      return inner.tag();
    }

    @Override
    public void written(long spa, long bytes) {
      inner.written(spa, bytes);
    }

    @Override
    public void setPaging(long cr0, long cr3, long cr4, long efer) {
      inner.setPaging(cr0, cr3, cr4, efer);
    }

    @Override
    public void setKeyRights(int pkru) {
      inner.setKeyRights(pkru);
    }

    @Override
    public boolean checkPdptes(long cr3) {
      return inner.checkPdptes(cr3);
    }

    @Override
    public void invalidate(long gva) {
      inner.invalidate(gva);
    }

    @Override
    public void invalidateAll() {
      inner.invalidateAll();
    }

    @Override
    public long probe(long gva) {
      return inner.probe(gva);
    }
  }
}
