package org.redoubt.devices.platform.internal;

import java.util.List;
import org.junit.jupiter.api.Nested;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.testkit.device.DeviceContract;

/** Every device of the platform takes the exam. */
final class PlatformContractTest {
  @Nested
  class Pic8259Contract extends DeviceContract {
    @Override
    protected DeviceFactory factory() {
      return new Pic8259.Factory();
    }
  }

  @Nested
  class ApicBusContract extends DeviceContract {
    @Override
    protected DeviceFactory factory() {
      return new ApicBus.Factory();
    }
  }

  @Nested
  class IoApicContract extends DeviceContract {
    @Override
    protected DeviceFactory factory() {
      return new IoApic.Factory();
    }

    @Override
    protected List<DeviceFactory> earlierDevices() {
      return List.of(new ApicBus.Factory());
    }
  }

  @Nested
  class Pit8254Contract extends DeviceContract {
    @Override
    protected DeviceFactory factory() {
      return new Pit8254.Factory();
    }
  }

  @Nested
  class CmosRtcContract extends DeviceContract {
    @Override
    protected DeviceFactory factory() {
      return new CmosRtc.Factory();
    }

    @Override
    protected boolean hasBattery() {
      return true;
    }
  }

  @Nested
  class Uart16550Contract extends DeviceContract {
    @Override
    protected DeviceFactory factory() {
      return new Uart16550.Factory();
    }
  }

  @Nested
  class AcpiPmContract extends DeviceContract {
    @Override
    protected DeviceFactory factory() {
      return new AcpiPm.Factory();
    }
  }

  @Nested
  class ResetPortsContract extends DeviceContract {
    @Override
    protected DeviceFactory factory() {
      return new ResetPorts.Factory();
    }
  }

  @Nested
  class DebugExitContract extends DeviceContract {
    @Override
    protected DeviceFactory factory() {
      return new DebugExit.Factory();
    }
  }

  @Nested
  class KvmFaceContract extends DeviceContract {
    @Override
    protected DeviceFactory factory() {
      return new KvmFace.Factory();
    }
  }
}
