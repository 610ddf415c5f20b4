package org.redoubt.memory.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

@EnabledOnOs(OS.LINUX)
class HostThreadTest {
  private static final int MOST = 19;

  @Test
  void shouldMakeOneThreadNicerAndNoOther() throws Exception {
    int before = nice();
    FutureTask<Integer> other =
        new FutureTask<>(() -> {
          HostThread.beNicer(3);
          return nice();
        });
    Thread.ofPlatform().daemon().start(other);
    assertEquals(Math.min(before + 3, MOST), other.get(120, TimeUnit.SECONDS));
    assertEquals(before, nice());
  }

  /** Of the current thread: proc_pid_stat(5), field 19; the second one may contain spaces. */
  private static int nice() throws Exception {
    String stat = Files.readString(Path.of("/proc/thread-self/stat"));
    return Integer.parseInt(stat.substring(stat.lastIndexOf(')') + 2).split(" ")[16]);
  }
}
