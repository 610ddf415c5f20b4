package org.redoubt.testkit.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.IntSupplier;
import org.redoubt.api.memory.EngineChange;
import org.redoubt.api.memory.KeyInstaller;
import org.redoubt.api.memory.KeyStatus;
import org.redoubt.api.memory.MemoryClient;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemoryListener;
import org.redoubt.api.memory.MemoryPort;
import org.redoubt.api.memory.MemoryStats;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemoryView;
import org.redoubt.api.memory.PageInfo;
import org.redoubt.crypto.memory.AddressTweakedAes;

/**
 * A memory system for engines to run on, as strict as one may be: every page is resident under one
 * tag, and whenever somebody else touches memory or a page changes its tag, every vCPU has to come
 * to a safepoint and loses its whole TLB. A port holds a read lock while it runs.
 */
final class ModelSystem implements MemorySystem {
  private static final int PAGE = 4096;
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle LONGS = LONG.varHandle();
  private static final VarHandle INTS = INT.varHandle();

  private final MemoryConfig config;
  private final MemorySegment ram;
  private final int[] tags;
  private final Map<Integer, AddressTweakedAes> keys = new HashMap<>();
  private final Set<Long> watched = new HashSet<>();
  private final List<Port> ports = new CopyOnWriteArrayList<>();

  /** Read by running ports, written by whoever needs all of them parked. */
  private final ReentrantReadWriteLock running = new ReentrantReadWriteLock(true);

  private volatile boolean suspended;

  ModelSystem(long bytes) {
    config = MemoryConfig.of("model", bytes);
    ram = Arena.ofAuto().allocate(bytes, PAGE);
    tags = new int[(int) (bytes / PAGE)];
  }

  /** How many ports are attached. */
  int attached() {
    return ports.size();
  }

  /** Suspends every page, or lets them be reached again. */
  void suspend(boolean on) {
    suspended = on;
    exclusively(() -> {});
  }

  /** Runs something while every port is parked and every TLB empty. */
  private void exclusively(Runnable action) {
    parked(() -> {
      ports.forEach(port -> port.client.revokeAll());
      action.run();
    });
  }

  /** Runs something while every port is parked. */
  private void parked(Runnable action) {
    try {
      do {
        ports.forEach(port -> port.client.requestSafepoint());
      } while (!running.writeLock().tryLock(1, TimeUnit.MILLISECONDS));
    } catch (InterruptedException e) {
      throw new IllegalStateException("bug: interrupted", e);
    }
    try {
      action.run();
    } finally {
      running.writeLock().unlock();
    }
  }

  private AddressTweakedAes key(int asid) {
    return keys.computeIfAbsent(
        asid,
        number -> {
          byte[] key = new byte[16];
          new Random(number).nextBytes(key);
          return new AddressTweakedAes(key, AddressTweakedAes.Mode.XEX, true);
        });
  }

  /** With every port parked: from the plain text of one tag to that of another. */
  private void retag(long spa, int tag) {
    int page = (int) (spa / PAGE);
    MemorySegment frame = ram.asSlice((long) page * PAGE, PAGE);
    MemorySegment other = MemorySegment.ofArray(new byte[PAGE]);
    if (tags[page] != 0) {
      key(tags[page]).encrypt((long) page * PAGE, frame, other);
      frame.copyFrom(other);
    }
    if (tag != 0) {
      key(tag).decrypt((long) page * PAGE, frame, other);
      frame.copyFrom(other);
    }
    tags[page] = tag;
    changed((long) page * PAGE, PAGE);
  }

  private void changed(long spa, long bytes) {
    if (watched.contains(spa / PAGE)) {
      ports.forEach(port -> port.client.contentsChanged(spa, bytes));
    }
  }

  private boolean isRam(long spa, long bytes) {
    return spa >= 0 && spa <= ram.byteSize() - bytes;
  }

  @Override
  public MemoryPort attach(MemoryClient client) {
    Port port = new Port(client);
    ports.add(port);
    return port;
  }

  private final class Port implements MemoryPort {
    private final MemoryClient client;
    private long status;

    Port(MemoryClient client) {
      this.client = client;
    }

    private void change(Runnable action) {
      aside(() -> exclusively(action));
    }

    /** Leaves for as long as something takes. */
    private void aside(Runnable action) {
      boolean runs = running.getReadHoldCount() > 0;
      if (runs) {
        leave();
      }
      try {
        action.run();
      } finally {
        if (runs) {
          enter();
        }
      }
    }

    @Override
    public void enter() {
      running.readLock().lock();
    }

    @Override
    public void leave() {
      running.readLock().unlock();
    }

    @Override
    public void safepoint() {
      if (running.hasQueuedThreads()) {
        leave();
        enter();
      }
    }

    private long find(long spa, int tag) {
      if (suspended) {
        status = SUSPENDED;
      } else if (!isRam(spa, 1)) {
        status = NOT_DRAM;
      } else {
        while (tags[(int) (spa / PAGE)] != tag) {
          change(() -> retag(spa, tag));
        }
        status = 0;
      }
      return status;
    }

    @Override
    public long page(long spa, int tag, boolean write) {
      if (find(spa, tag) != 0) {
        return status;
      }
      return ram.address() + (spa & -PAGE) + (watched.contains(spa / PAGE) ? WATCHED : 0);
    }

    @Override
    public long readLong(long spa, int tag) {
      return find(spa, tag) == 0 ? (long) LONGS.getVolatile(ram, spa) : 0;
    }

    @Override
    public long compareAndExchangeLong(long spa, int tag, long expected, long value) {
      return find(spa, tag) == 0 ? (long) LONGS.compareAndExchange(ram, spa, expected, value) : 0;
    }

    @Override
    public long lastStatus() {
      return status;
    }

    @Override
    public void watch(long spa) {
      if (!watched.contains(spa / PAGE)) {
        change(() -> watched.add(spa / PAGE));
      }
    }

    @Override
    public void unwatch(long spa) {
      change(() -> watched.remove(spa / PAGE));
    }

    @Override
    public void written(long spa, long bytes) {
      change(() -> changed(spa, bytes));
    }

    @Override
    public int alone(IntSupplier action) {
      int[] result = new int[1];
      aside(() -> parked(() -> result[0] = action.getAsInt()));
      return result[0];
    }

    @Override
    public void close() {
      while (running.getReadHoldCount() > 0) {
        leave();
      }
      ports.remove(this);
    }
  }

  @Override
  public MemoryView view(int tag) {
    return new View(tag);
  }

  /** Everybody but the vCPUs. */
  private final class View implements MemoryView {
    private final int tag;

    View(int tag) {
      this.tag = tag;
    }

    private void at(long spa, long bytes, boolean write, Runnable action) {
      if (!isRam(spa, bytes)) {
        throw new IndexOutOfBoundsException("%xh, %d bytes".formatted(spa, bytes));
      }
      exclusively(() -> {
        for (long page = spa & -PAGE; page < spa + bytes; page += PAGE) {
          if (tags[(int) (page / PAGE)] != tag) {
            retag(page, tag);
          }
        }
        action.run();
        for (long page = spa & -PAGE; write && page < spa + bytes; page += PAGE) {
          changed(page, PAGE);
        }
      });
    }

    @Override
    public int tag() {
      return tag;
    }

    @Override
    public void read(long spa, MemorySegment target) {
      at(spa, target.byteSize(), false, () -> target.copyFrom(slice(spa, target.byteSize())));
    }

    @Override
    public void write(long spa, MemorySegment source) {
      at(spa, source.byteSize(), true, () -> slice(spa, source.byteSize()).copyFrom(source));
    }

    private MemorySegment slice(long spa, long bytes) {
      return ram.asSlice(spa, bytes);
    }

    @Override
    public void fill(long spa, long bytes, byte value) {
      at(spa, bytes, true, () -> slice(spa, bytes).fill(value));
    }

    private long get(long spa, int bytes) {
      MemorySegment copy = MemorySegment.ofArray(new byte[8]);
      read(spa, copy.asSlice(0, bytes));
      return copy.get(ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 0);
    }

    private void put(long spa, int bytes, long value) {
      MemorySegment copy = MemorySegment.ofArray(new byte[8]);
      copy.set(ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 0, value);
      write(spa, copy.asSlice(0, bytes));
    }

    @Override
    public byte getByte(long spa) {
      return (byte) get(spa, 1);
    }

    @Override
    public short getShort(long spa) {
      return (short) get(spa, 2);
    }

    @Override
    public int getInt(long spa) {
      return (int) get(spa, 4);
    }

    @Override
    public long getLong(long spa) {
      return get(spa, 8);
    }

    @Override
    public void putByte(long spa, byte value) {
      put(spa, 1, value);
    }

    @Override
    public void putShort(long spa, short value) {
      put(spa, 2, value);
    }

    @Override
    public void putInt(long spa, int value) {
      put(spa, 4, value);
    }

    @Override
    public void putLong(long spa, long value) {
      put(spa, 8, value);
    }

    @Override
    public int compareAndExchangeInt(long spa, int expected, int value) {
      int[] seen = new int[1];
      at(spa, 4, true, () -> seen[0] = (int) INTS.compareAndExchange(ram, spa, expected, value));
      return seen[0];
    }

    @Override
    public long compareAndExchangeLong(long spa, long expected, long value) {
      long[] seen = new long[1];
      at(spa, 8, true, () -> seen[0] = (long) LONGS.compareAndExchange(ram, spa, expected, value));
      return seen[0];
    }

    @Override
    public long getAndAddLong(long spa, long delta) {
      long[] seen = new long[1];
      at(spa, 8, true, () -> seen[0] = (long) LONGS.getAndAdd(ram, spa, delta));
      return seen[0];
    }
  }

  // What an engine may ask for besides

  @Override
  public MemoryConfig config() {
    return config;
  }

  @Override
  public void wbinvd() {}

  @Override
  public void clflush(long spa, long bytes) {}

  @Override
  public void flush() {}

  @Override
  public void dfFlush() {}

  // What is none of its business

  @Override
  public void setKeyInstaller(Optional<KeyInstaller> installer) {}

  @Override
  public KeyStatus activate(int asid) {
    return KeyStatus.INSTALLED;
  }

  @Override
  public Optional<String> refusal(int asid) {
    return Optional.empty();
  }

  @Override
  public void deactivate(int asid) {}

  @Override
  public boolean isActive(int asid) {
    return true;
  }

  @Override
  public String engine() {
    return "model";
  }

  @Override
  public EngineChange changeEngine(String engineName) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Optional<EngineChange> change() {
    return Optional.empty();
  }

  @Override
  public Optional<String> suspension(int tag) {
    return suspended ? Optional.of("The model is suspended") : Optional.empty();
  }

  @Override
  public MemoryStats stats() {
    return new MemoryStats(0, 0, 0, 0, 0, 0, 0, 0, 0, List.of());
  }

  @Override
  public PageInfo pageInfo(long spa) {
    return new PageInfo(tags[(int) (spa / PAGE)], true, true, true);
  }

  @Override
  public void addListener(MemoryListener listener) {}

  @Override
  public void removeListener(MemoryListener listener) {}

  @Override
  public void close() {}
}
