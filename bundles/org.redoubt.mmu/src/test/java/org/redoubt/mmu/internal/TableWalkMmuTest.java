package org.redoubt.mmu.internal;

import org.redoubt.api.cpu.MmuFactory;
import org.redoubt.testkit.cpu.MmuContract;

final class TableWalkMmuTest extends MmuContract {
  @Override
  protected MmuFactory factory() {
    return new TableWalkMmuFactory();
  }
}
