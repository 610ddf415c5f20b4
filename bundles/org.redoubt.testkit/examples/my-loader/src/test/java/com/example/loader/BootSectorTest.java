package com.example.loader;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.guest.GuestLoader;
import org.redoubt.api.guest.LaunchPlan;
import org.redoubt.testkit.guest.GuestLoaderContract;

class BootSectorTest extends GuestLoaderContract {
  @Override
  protected GuestLoader loader() {
    return new BootSector();
  }

  @Override
  protected List<byte[]> images() {
    byte[] sector = new byte[512];
    sector[0] = (byte) 0xF4; // HLT
    sector[510] = 0x55;
    sector[511] = (byte) 0xAA;
    return List.of(sector);
  }

  @Test
  void shouldPutTheSectorWhereABiosDoes() throws HypervisorException {
    LaunchPlan plan = loader().plan(request(images().getFirst(), new byte[0], false));
    assertEquals(0x7C00, plan.entry().rip);
    LaunchPlan.Region sector = plan.regions().get(1);
    assertEquals(0x7000, sector.gpa());
    assertEquals((byte) 0xF4, sector.bytes().get(ValueLayout.JAVA_BYTE, 0xC00));
    assertEquals((byte) 0xAA, sector.bytes().get(ValueLayout.JAVA_BYTE, 0xC00 + 511));
  }
}
