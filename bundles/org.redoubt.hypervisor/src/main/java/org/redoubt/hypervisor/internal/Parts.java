package org.redoubt.hypervisor.internal;

import org.redoubt.api.cpu.CpuEngineFactory;
import org.redoubt.api.cpu.MmuFactory;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.api.firmware.SecureProcessorFactory;
import org.redoubt.api.guest.GuestLoader;
import org.redoubt.api.memory.MemorySystemFactory;
import org.redoubt.api.policy.FirmwarePolicy;

/** All that a VM can be made of. */
final class Parts {
  final PartList<MemorySystemFactory> memories =
      new PartList<>("memory system", MemorySystemFactory.MEMORY_NAME);
  final PartList<MmuFactory> mmus = new PartList<>("MMU", MmuFactory.MMU_NAME);
  final PartList<CpuEngineFactory> cpus =
      new PartList<>("CPU engine", CpuEngineFactory.CPU_ENGINE_NAME);
  final PartList<GuestLoader> loaders = new PartList<>("guest loader", GuestLoader.LOADER_NAME);
  final PartList<DeviceFactory> devices = new PartList<>("device", DeviceFactory.DEVICE_NAME);
  final PartList<SecureProcessorFactory> firmwares =
      new PartList<>("secure-processor firmware", SecureProcessorFactory.FIRMWARE_NAME);
  final PartList<FirmwarePolicy> policies =
      new PartList<>("firmware policy", FirmwarePolicy.POLICY_NAME);
}
