package com.example.machine;

import org.redoubt.api.cpu.MmuFactory;
import org.redoubt.mmu.internal.TableWalkMmuFactory;
import org.redoubt.testkit.cpu.MmuContract;

class CountingMmuTest extends MmuContract {
  @Override
  protected MmuFactory factory() {
    return new CountingMmu(new TableWalkMmuFactory());
  }
}
