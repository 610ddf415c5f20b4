package org.redoubt.hypervisor.internal;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.redoubt.api.memory.EngineChange;
import org.redoubt.api.memory.KeyInstaller;
import org.redoubt.api.memory.KeyStatus;
import org.redoubt.api.memory.MemoryClient;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemoryListener;
import org.redoubt.api.memory.MemoryPort;
import org.redoubt.api.memory.MemoryStats;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemorySystemFactory;
import org.redoubt.api.memory.MemoryView;
import org.redoubt.api.memory.PageInfo;

/** DRAM without cache, keys or engines: one block of bytes, for tests of what is around it. */
final class FlatMemory implements MemorySystem {
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle LONGS = LONG.varHandle();
  private static final VarHandle INTS =
      ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

  /** Makes them, small whatever the configuration says. */
  static final class Factory implements MemorySystemFactory {
    final List<FlatMemory> made = new CopyOnWriteArrayList<>();
    private final long bytes;

    Factory(long bytes) {
      this.bytes = bytes;
    }

    @Override
    public MemorySystem create(MemoryConfig config) {
      FlatMemory memory = new FlatMemory(config, bytes);
      made.add(memory);
      return memory;
    }

    @Override
    public List<MemorySystem> systems() {
      return made.stream().filter(memory -> !memory.closed).map(m -> (MemorySystem) m).toList();
    }
  }

  /** What was given up: address and length in turns. */
  final List<Long> discarded = new CopyOnWriteArrayList<>();

  private final MemoryConfig config;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment ram;
  private final boolean[] touched;
  private final List<Port> ports = new CopyOnWriteArrayList<>();
  private final List<MemoryListener> listeners = new CopyOnWriteArrayList<>();
  private final Set<Long> watched = ConcurrentHashMap.newKeySet();

  /** What {@link #pageInfo} says of a page's tag, by its address; nothing here follows from it. */
  final Map<Long, Integer> tags = new ConcurrentHashMap<>();

  volatile boolean closed;
  private volatile boolean suspended;

  FlatMemory(MemoryConfig config, long bytes) {
    this.config = config;
    this.ram = arena.allocate(bytes, 4096);
    this.touched = new boolean[(int) (bytes >>> 12)];
  }

  /** Takes everything out of reach, or back, as a lost engine would. */
  void suspend(boolean out) {
    suspended = out;
    for (MemoryListener listener : listeners) {
      if (out) {
        listener.suspended(0, "a test took the memory away");
      } else {
        listener.resumed(0);
      }
    }
  }

  boolean unused() {
    return ports.isEmpty() && listeners.isEmpty();
  }

  private void touch(long spa, long bytes) {
    for (long page = spa >>> 12; page <= spa + bytes - 1 >>> 12; page++) {
      touched[(int) page] = true;
    }
  }

  @Override
  public MemoryView view(int tag) {
    return new View(tag);
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

    private boolean has(long spa) {
      status = suspended ? SUSPENDED : spa >= 0 && spa < ram.byteSize() ? 0 : NOT_DRAM;
      return status == 0;
    }

    @Override
    public void enter() {}

    @Override
    public void leave() {}

    @Override
    public void safepoint() {}

    @Override
    public long page(long spa, int tag, boolean write) {
      if (!has(spa)) {
        return status;
      }
      if (write) {
        touched[(int) (spa >>> 12)] = true;
      }
      return ram.address() + (spa & -4096L) + (watched.contains(spa >>> 12) ? WATCHED : 0);
    }

    @Override
    public long readLong(long spa, int tag) {
      return has(spa) ? ram.get(LONG, spa) : 0;
    }

    @Override
    public long compareAndExchangeLong(long spa, int tag, long expected, long value) {
      if (!has(spa)) {
        return 0;
      }
      touch(spa, 8);
      return (long) LONGS.compareAndExchange(ram, spa, expected, value);
    }

    @Override
    public long lastStatus() {
      return status;
    }

    @Override
    public void watch(long spa) {
      if (watched.add(spa >>> 12)) {
        long[] pages = {ram.address() + (spa & -4096L)};
        ports.forEach(port -> port.client.revoke(pages, 1));
      }
    }

    @Override
    public void unwatch(long spa) {
      watched.remove(spa >>> 12);
    }

    @Override
    public void written(long spa, long bytes) {
      ports.forEach(port -> port.client.contentsChanged(spa, bytes));
    }

    @Override
    public void close() {
      client.revokeAll();
      ports.remove(this);
    }
  }

  private final class View implements MemoryView {
    private final int tag;

    View(int tag) {
      this.tag = tag;
    }

    @Override
    public int tag() {
      return tag;
    }

    @Override
    public void read(long spa, MemorySegment target) {
      MemorySegment.copy(ram, spa, target, 0, target.byteSize());
    }

    @Override
    public void write(long spa, MemorySegment source) {
      touch(spa, source.byteSize());
      MemorySegment.copy(source, 0, ram, spa, source.byteSize());
    }

    @Override
    public void fill(long spa, long bytes, byte value) {
      touch(spa, bytes);
      ram.asSlice(spa, bytes).fill(value);
    }

    @Override
    public byte getByte(long spa) {
      return ram.get(ValueLayout.JAVA_BYTE, spa);
    }

    @Override
    public short getShort(long spa) {
      return ram.get(ValueLayout.JAVA_SHORT_UNALIGNED, spa);
    }

    @Override
    public int getInt(long spa) {
      return ram.get(ValueLayout.JAVA_INT_UNALIGNED, spa);
    }

    @Override
    public long getLong(long spa) {
      return ram.get(ValueLayout.JAVA_LONG_UNALIGNED, spa);
    }

    @Override
    public void putByte(long spa, byte value) {
      touch(spa, 1);
      ram.set(ValueLayout.JAVA_BYTE, spa, value);
    }

    @Override
    public void putShort(long spa, short value) {
      touch(spa, 2);
      ram.set(ValueLayout.JAVA_SHORT_UNALIGNED, spa, value);
    }

    @Override
    public void putInt(long spa, int value) {
      touch(spa, 4);
      ram.set(ValueLayout.JAVA_INT_UNALIGNED, spa, value);
    }

    @Override
    public void putLong(long spa, long value) {
      touch(spa, 8);
      ram.set(ValueLayout.JAVA_LONG_UNALIGNED, spa, value);
    }

    @Override
    public int compareAndExchangeInt(long spa, int expected, int value) {
      touch(spa, 4);
      return (int) INTS.compareAndExchange(ram, spa, expected, value);
    }

    @Override
    public long compareAndExchangeLong(long spa, long expected, long value) {
      touch(spa, 8);
      return (long) LONGS.compareAndExchange(ram, spa, expected, value);
    }

    @Override
    public long getAndAddLong(long spa, long delta) {
      touch(spa, 8);
      return (long) LONGS.getAndAdd(ram, spa, delta);
    }
  }

  @Override
  public long discard(long spa, long length) {
    discarded.addAll(List.of(spa, length));
    return length;
  }

  @Override
  public MemoryConfig config() {
    return config;
  }

  @Override
  public void setKeyInstaller(Optional<KeyInstaller> installer) {}

  @Override
  public KeyStatus activate(int asid) {
    return KeyStatus.NO_KEY;
  }

  @Override
  public Optional<String> refusal(int asid) {
    return Optional.empty();
  }

  @Override
  public void deactivate(int asid) {}

  @Override
  public boolean isActive(int asid) {
    return false;
  }

  @Override
  public void wbinvd() {}

  @Override
  public void clflush(long spa, long bytes) {}

  @Override
  public void flush() {}

  @Override
  public void dfFlush() {}

  @Override
  public String engine() {
    return "none";
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
    return suspended ? Optional.of("a test took the memory away") : Optional.empty();
  }

  @Override
  public MemoryStats stats() {
    return new MemoryStats(0, 0, 0, 0, 0, 0, 0, 0, 0, List.of());
  }

  @Override
  public PageInfo pageInfo(long spa) {
    return new PageInfo(
        tags.getOrDefault(spa & -4096L, 0), false, false, touched[(int) (spa >>> 12)]);
  }

  @Override
  public void addListener(MemoryListener listener) {
    listeners.add(listener);
  }

  @Override
  public void removeListener(MemoryListener listener) {
    listeners.remove(listener);
  }

  @Override
  public void close() {
    closed = true;
    arena.close();
  }
}
