package org.redoubt.testkit.firmware;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.GeneralSecurityException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import javax.crypto.Cipher;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.memory.EngineChange;
import org.redoubt.api.memory.KeyInstaller;
import org.redoubt.api.memory.KeyStatus;
import org.redoubt.api.memory.MemoryClient;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemoryListener;
import org.redoubt.api.memory.MemoryPort;
import org.redoubt.api.memory.MemoryStats;
import org.redoubt.api.memory.MemorySuspendedException;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemoryView;
import org.redoubt.api.memory.PageInfo;
import org.redoubt.struct.Layouts;

/**
 * DRAM without a cache: a private view encrypts and decrypts on every access, block by block, with
 * AES under the ASID's key and the address as tweak. Keeps the rules of ASIDs, WBINVD and DF_FLUSH.
 * For one thread at a time; what firmwares are examined on.
 */
public final class ModelMemory implements MemorySystem {
  private final MemoryConfig config;
  private final MemorySegment dram;
  private final Map<Integer, byte[]> keys = new HashMap<>();
  private final Set<Integer> needWbinvd = new HashSet<>();
  private final Set<Integer> needFlush = new HashSet<>();
  private Optional<KeyInstaller> installer = Optional.empty();
  private volatile @Nullable String suspended;
  private final java.util.concurrent.atomic.AtomicInteger accessesLeft =
      new java.util.concurrent.atomic.AtomicInteger(Integer.MAX_VALUE);
  private String reasonLater = "";
  private String engine = "aes-test";

  /** So many bytes of DRAM, zero. */
  public ModelMemory(long bytes) {
    config = MemoryConfig.of("test", bytes);
    dram = Arena.ofAuto().allocate(bytes);
  }

  /** DRAM as another process would see it. */
  public MemorySegment dram() {
    return dram;
  }

  /** How many ASIDs have a key. */
  public int liveKeys() {
    return keys.size();
  }

  /** Suspends every access, or with no reason lets them go on. */
  public void suspend(@Nullable String reason) {
    suspended = reason;
    accessesLeft.set(Integer.MAX_VALUE);
  }

  /** Suspends after so many accesses. */
  public void suspendAfter(int accesses, String reason) {
    reasonLater = reason;
    accessesLeft.set(accesses);
  }

  /** Asks for the key of a live ASID in another engine, as a change of engine does. */
  public Optional<String> changeEngineOf(int asid, String name) {
    byte[] key = new byte[16];
    Optional<String> refused =
        installer.orElseThrow().install(asid, name, MemorySegment.ofArray(key));
    if (refused.isEmpty()) {
      engine = name;
      keys.put(asid, key);
    }
    return refused;
  }

  /** The memory key of an ASID; empty if it has none. */
  public byte[] keyOf(int asid) {
    return keys.getOrDefault(asid, new byte[0]).clone();
  }

  @Override
  public MemoryConfig config() {
    return config;
  }

  @Override
  public MemoryView view(int tag) {
    return new View(tag);
  }

  @Override
  public MemoryPort attach(MemoryClient client) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void setKeyInstaller(Optional<KeyInstaller> next) {
    installer = next;
  }

  @Override
  public KeyStatus activate(int asid) {
    if (asid < 1 || asid > config.asids()) {
      return KeyStatus.INVALID_ASID;
    }
    if (keys.containsKey(asid)) {
      return KeyStatus.ASID_LIVE;
    }
    if (needWbinvd.contains(asid)) {
      return KeyStatus.WBINVD_REQUIRED;
    }
    if (needFlush.contains(asid)) {
      return KeyStatus.DFFLUSH_REQUIRED;
    }
    byte[] key = new byte[16];
    if (installer.isEmpty()
        || installer.get().install(asid, engine, MemorySegment.ofArray(key)).isPresent()) {
      return KeyStatus.NO_KEY;
    }
    keys.put(asid, key);
    return KeyStatus.INSTALLED;
  }

  @Override
  public Optional<String> refusal(int asid) {
    return Optional.empty();
  }

  @Override
  public void deactivate(int asid) {
    if (keys.remove(asid) != null) {
      needWbinvd.add(asid);
      needFlush.add(asid);
    }
  }

  @Override
  public boolean wbinvdRequired() {
    return !needWbinvd.isEmpty();
  }

  @Override
  public boolean isActive(int asid) {
    return keys.containsKey(asid);
  }

  @Override
  public void wbinvd() {
    needWbinvd.clear();
  }

  @Override
  public void clflush(long spa, long bytes) {}

  @Override
  public void flush() {}

  @Override
  public void dfFlush() {
    needFlush.clear();
  }

  @Override
  public String engine() {
    return engine;
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
    return Optional.ofNullable(suspended);
  }

  @Override
  public MemoryStats stats() {
    return new MemoryStats(0, 0, 0, 0, 0, 0, 0, 0, 0, List.of());
  }

  @Override
  public PageInfo pageInfo(long spa) {
    return new PageInfo(0, false, false, false);
  }

  @Override
  public void addListener(MemoryListener listener) {}

  @Override
  public void removeListener(MemoryListener listener) {}

  @Override
  public void close() {}

  private final class View implements MemoryView {
    private final int tag;

    View(int tag) {
      this.tag = tag;
    }

    private void check(long spa, long bytes) {
      if (!config.addressMap().isDram(spa, bytes)) {
        throw new IndexOutOfBoundsException("%xh, %d bytes".formatted(spa, bytes));
      }
      if (accessesLeft.getAndDecrement() == 0) {
        suspended = reasonLater;
      }
      if (suspended != null) {
        throw new MemorySuspendedException(String.valueOf(suspended));
      }
      if (tag != 0 && !keys.containsKey(tag)) {
        throw new IllegalStateException("No key for ASID " + tag);
      }
    }

    private byte[] crypt(long spa, byte[] blocks, boolean encrypt) {
      try {
        Cipher c = Cipher.getInstance("AES/ECB/NoPadding");
        c.init(
            encrypt ? Cipher.ENCRYPT_MODE : Cipher.DECRYPT_MODE,
            new SecretKeySpec(keys.get(tag), "AES"));
        if (encrypt) {
          tweak(spa, blocks);
        }
        byte[] out = c.doFinal(blocks);
        if (!encrypt) {
          tweak(spa, out);
        }
        return out;
      } catch (GeneralSecurityException e) {
        throw new AssertionError(e);
      }
    }

    private static void tweak(long spa, byte[] blocks) {
      MemorySegment s = MemorySegment.ofArray(blocks);
      for (int i = 0; i < blocks.length; i += 16) {
        s.set(Layouts.LE64, i, s.get(Layouts.LE64, i) ^ (spa + i));
      }
    }

    @Override
    public int tag() {
      return tag;
    }

    @Override
    public void read(long spa, MemorySegment target) {
      check(spa, target.byteSize());
      if (tag == 0) {
        target.copyFrom(dram.asSlice(spa, target.byteSize()));
        return;
      }
      long first = spa & ~15L;
      long end = spa + target.byteSize() + 15 & ~15L;
      byte[] plain =
          crypt(first, dram.asSlice(first, end - first).toArray(ValueLayout.JAVA_BYTE), false);
      target.copyFrom(MemorySegment.ofArray(plain).asSlice(spa - first, target.byteSize()));
    }

    @Override
    public void write(long spa, MemorySegment source) {
      check(spa, source.byteSize());
      if (tag == 0) {
        dram.asSlice(spa, source.byteSize()).copyFrom(source);
        return;
      }
      long first = spa & ~15L;
      long end = spa + source.byteSize() + 15 & ~15L;
      byte[] plain = new byte[(int) (end - first)];
      read(first, MemorySegment.ofArray(plain));
      MemorySegment.ofArray(plain).asSlice(spa - first, source.byteSize()).copyFrom(source);
      dram.asSlice(first, end - first).copyFrom(MemorySegment.ofArray(crypt(first, plain, true)));
    }

    @Override
    public void fill(long spa, long bytes, byte value) {
      byte[] b = new byte[(int) bytes];
      java.util.Arrays.fill(b, value);
      write(spa, MemorySegment.ofArray(b));
    }

    private long get(long spa, int bytes) {
      byte[] b = new byte[8];
      read(spa, MemorySegment.ofArray(b).asSlice(0, bytes));
      return MemorySegment.ofArray(b).get(Layouts.LE64, 0);
    }

    private void put(long spa, int bytes, long value) {
      byte[] b = new byte[8];
      MemorySegment.ofArray(b).set(Layouts.LE64, 0, value);
      write(spa, MemorySegment.ofArray(b).asSlice(0, bytes));
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
      throw new UnsupportedOperationException();
    }

    @Override
    public long compareAndExchangeLong(long spa, long expected, long value) {
      throw new UnsupportedOperationException();
    }

    @Override
    public long getAndAddLong(long spa, long delta) {
      throw new UnsupportedOperationException();
    }
  }
}
