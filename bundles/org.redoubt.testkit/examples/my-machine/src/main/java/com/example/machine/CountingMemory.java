package com.example.machine;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.IntSupplier;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.memory.MemoryClient;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemoryPort;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemorySystemFactory;

/** A memory system that counts the pages that vCPUs ask for, around the one called {@code soc}. */
@Component(
    property = {MemorySystemFactory.MEMORY_NAME + "=counting", "service.ranking:Integer=100"})
public final class CountingMemory implements MemorySystemFactory {
  private final MemorySystemFactory inner;
  private final List<MemorySystem> made = new CopyOnWriteArrayList<>();

  @Activate
  public CountingMemory(
      @Reference(target = "(" + MemorySystemFactory.MEMORY_NAME + "=soc)")
          MemorySystemFactory inner) {
    this.inner = inner;
  }

  @Override
  public MemorySystem create(MemoryConfig config) throws HypervisorException {
    MemorySystem system = inner.create(config);
    MemorySystem counting =
        (MemorySystem)
            Proxy.newProxyInstance(
                CountingMemory.class.getClassLoader(),
                new Class<?>[] {MemorySystem.class},
                (proxy, method, arguments) -> call(system, proxy, method, arguments));
    made.add(counting);
    return counting;
  }

  private Object call(MemorySystem system, Object proxy, Method method, Object[] arguments)
      throws Throwable {
    switch (method.getName()) {
      case "attach":
        return new Counting(system.attach((MemoryClient) arguments[0]));
      case "close":
        made.removeIf(other -> other == proxy);
        break;
      case "equals":
        return proxy == arguments[0];
      default:
        break;
    }
    try {
      return method.invoke(system, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  @Override
  public List<MemorySystem> systems() {
    return List.copyOf(made);
  }

  private record Counting(MemoryPort inner) implements MemoryPort {
    @Override
    public long page(long spa, int tag, boolean write) {
      Counters.PAGES.incrementAndGet();
      return inner.page(spa, tag, write);
    }

    @Override
    public void enter() {
      inner.enter();
    }

    @Override
    public void leave() {
      inner.leave();
    }

    @Override
    public void safepoint() {
      inner.safepoint();
    }

    @Override
    public long readLong(long spa, int tag) {
      return inner.readLong(spa, tag);
    }

    @Override
    public long compareAndExchangeLong(long spa, int tag, long expected, long value) {
      return inner.compareAndExchangeLong(spa, tag, expected, value);
    }

    @Override
    public long lastStatus() {
      return inner.lastStatus();
    }

    @Override
    public void watch(long spa) {
      inner.watch(spa);
    }

    @Override
    public void unwatch(long spa) {
      inner.unwatch(spa);
    }

    @Override
    public void written(long spa, long bytes) {
      inner.written(spa, bytes);
    }

    @Override
    public int alone(IntSupplier action) {
      return inner.alone(action);
    }

    @Override
    public void close() {
      inner.close();
    }
  }
}
