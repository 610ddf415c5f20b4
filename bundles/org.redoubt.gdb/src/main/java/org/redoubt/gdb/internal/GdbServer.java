package org.redoubt.gdb.internal;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.vm.DebugServer;
import org.redoubt.api.vm.Debugger;
import org.redoubt.api.vm.Vm;

/** Offers VMs to gdb: the service {@link DebugServer} named {@code gdb}. */
@Component(property = DebugServer.DEBUG_SERVER_NAME + "=gdb")
public final class GdbServer implements DebugServer {
  private static final int MOST_PORT = 65535;
  private static final int BACKLOG = 4;

  private final Set<Listener> listeners = ConcurrentHashMap.newKeySet();

  /** Called by the service runtime, and by those who wire parts by hand. */
  public GdbServer() {}

  @Override
  public Listening listen(Vm vm, int port, boolean wait, boolean lab) throws HypervisorException {
    if (port < 0 || port > MOST_PORT) {
      throw new HypervisorException("Port %d: they go from 0 to 65535".formatted(port));
    }
    // Asked now, so that a refusal is heard by who set this up, and not by gdb alone.
    Debugger first = vm.debug(lab);
    try {
      ServerSocket socket = open(port);
      Listener listener = new Listener(vm, socket, lab, wait ? first : null, listeners::remove);
      listeners.add(listener);
      listener.start();
      if (!wait) {
        first.close();
      }
      return listener;
    } catch (HypervisorException | RuntimeException e) {
      first.close();
      throw e;
    }
  }

  private static ServerSocket open(int port) throws HypervisorException {
    try {
      ServerSocket socket = new ServerSocket();
      try {
        socket.setReuseAddress(true);
        socket.bind(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), port), BACKLOG);
        return socket;
      } catch (IOException e) {
        socket.close();
        throw e;
      }
    } catch (IOException e) {
      throw new HypervisorException(
          "Port %d of 127.0.0.1 cannot be had for gdb: %s".formatted(port, e.getMessage()), e);
    }
  }

  @Deactivate
  void deactivate() {
    listeners.forEach(Listener::close);
  }
}
