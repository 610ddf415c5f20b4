package org.redoubt.devices.virtio.internal;

import org.redoubt.api.device.DeviceContext;

/** What a model has of its transport. */
interface Transport {
  /** The machine. */
  DeviceContext context();

  /** A queue by number. */
  Virtqueue queue(int index);

  /** Gives a chain back, and interrupts if the guest wants that. */
  void finish(Virtqueue queue, Chain chain, long written);

  /** Serves a queue again, when a model has got what it waited for. No effect while not ready. */
  void resume(int queue);

  /** The configuration has changed: tells the guest. */
  void configChanged();
}
