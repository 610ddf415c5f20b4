package org.redoubt.shell.internal;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.vm.Launch;
import org.redoubt.api.vm.Vm;
import org.redoubt.owner.GuestOwner;
import org.redoubt.owner.OwnerException;
import org.redoubt.owner.SecretPacket;

/**
 * The owner's secret packet, which comes as two files once the owner has accepted a measurement.
 *
 * @param header packet header, 52 bytes or their base64
 * @param payload ciphertext, in the same form
 */
record OwnersPacket(Path header, Path payload) {
  private static final long POLL_MS = 100;

  /**
   * A packet that is still to come.
   *
   * @throws UsageException if a file is there already: it cannot be for a measurement to come
   */
  static OwnersPacket expected(Path header, Path payload) throws UsageException {
    for (Path file : new Path[] {header, payload}) {
      if (Files.exists(file)) {
        throw new UsageException(
            "%s is there already: the owner writes it for this launch's measurement"
                .formatted(file));
      }
    }
    return new OwnersPacket(header, payload);
  }

  /** Waits for both files and sends them in. */
  void await(Vm vm, PrintStream say) throws UsageException {
    say.println(
        "Waiting      for the owner's packet in %s and %s; Ctrl-C gives up"
            .formatted(header, payload));
    try {
      long before = -1;
      long now = sizes();
      while (now < 0 || now != before) {
        Thread.sleep(POLL_MS);
        if (vm.state() != Vm.State.CREATED) {
          throw new UsageException("VM '%s' is %s".formatted(vm.config().name(), vm.state()));
        }
        before = now;
        now = sizes();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new UsageException("Given up while waiting for the owner; the guest did not start");
    } catch (IOException e) {
      throw new UsageException(Failures.oneLine(e));
    }
    deliver(vm, say);
  }

  /** Length of both together once both have something; a writer may still be at it. */
  private long sizes() throws IOException {
    if (!Files.exists(header) || !Files.exists(payload)) {
      return -1;
    }
    long head = Files.size(header);
    long body = Files.size(payload);
    return head == 0 || body == 0 ? -1 : head + body;
  }

  /** Sends the packet in, at the beginning of the guest's secret area. */
  void deliver(Vm vm, PrintStream say) throws UsageException {
    try {
      Launch launch = Launches.of(vm);
      deliver(launch, launch.secretArea().map(area -> area.gpa()).orElse(0L), say);
    } catch (HypervisorException e) {
      throw new UsageException(Failures.oneLine(e));
    }
  }

  /** Sends the packet in, at an address. */
  void deliver(Launch launch, long gpa, PrintStream say) throws UsageException {
    try {
      GuestOwner.Packet packet = SecretPacket.read(header, payload);
      launch.secret(gpa, packet.header(), packet.ciphertext());
      say.println(
          "Secret       the owner's %d bytes delivered to %xh"
              .formatted(packet.ciphertext().length, gpa));
    } catch (HypervisorException | OwnerException | IOException e) {
      throw new UsageException(Failures.oneLine(e));
    }
  }
}
