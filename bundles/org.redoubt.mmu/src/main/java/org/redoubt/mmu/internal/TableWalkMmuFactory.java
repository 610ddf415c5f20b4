package org.redoubt.mmu.internal;

import org.osgi.service.component.annotations.Component;
import org.redoubt.api.cpu.Mmu;
import org.redoubt.api.cpu.MmuConfig;
import org.redoubt.api.cpu.MmuFactory;

/** Offers {@link TableWalkMmu} under the name {@code walk}. */
@Component(property = MmuFactory.MMU_NAME + "=walk")
public final class TableWalkMmuFactory implements MmuFactory {
  /** Called by the service runtime, and by those who wire parts by hand. */
  public TableWalkMmuFactory() {}

  @Override
  public Mmu create(MmuConfig config) {
    return new TableWalkMmu(config);
  }
}
