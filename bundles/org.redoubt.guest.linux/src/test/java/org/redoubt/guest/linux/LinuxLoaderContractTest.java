package org.redoubt.guest.linux;

import java.util.List;
import org.redoubt.api.guest.GuestLoader;
import org.redoubt.testkit.guest.GuestLoaderContract;

class LinuxLoaderContractTest extends GuestLoaderContract {
  @Override
  protected GuestLoader loader() {
    return new LinuxLoader();
  }

  @Override
  protected List<byte[]> images() {
    return List.of(LinuxLoaderTest.kernel());
  }
}
