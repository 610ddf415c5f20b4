package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;
import org.redoubt.api.memory.KeyStatus;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemorySystemFactory;
import org.redoubt.itests.container.InsideRedoubt;

/** An engine that somebody builds outside of this repository, from the folder that is shipped. */
@ExtendWith(InsideRedoubt.class)
class StrangerIT {
  private static final int PAGES = 64;

  @TempDir Path folder;

  @Test
  void shouldBuildAnEngineElsewhereAndSeeItTakeOver() throws Exception {
    Path jar = Examples.build("my-engine", folder);
    try (MemorySystem system =
        Services.get(MemorySystemFactory.class)
            .create(MemoryConfig.of("stranger", (long) PAGES * Pages.BYTES))) {
      system.setKeyInstaller(Optional.of(new TestKeys()));
      assertEquals(KeyStatus.INSTALLED, system.activate(1));
      for (int page = 0; page < PAGES; page++) {
        Pages.write(system.view(1), page, 7);
      }
      system.flush();
      String ours = system.engine();

      Bundle stranger = Services.context().installBundle(jar.toUri().toString());
      stranger.start();
      Services.await("it takes over", () -> system.engine().equals("secret-tweak"));
      Services.await("all pages have moved", () -> system.change().isEmpty());
      system.wbinvd();
      for (int page = 0; page < PAGES; page++) {
        Pages.check(system.view(1), page, 7);
      }
      assertTrue(new Shell().run("engine:list").contains("com.example.my-engine"));

      stranger.uninstall();
      Services.await("ours carries on", () -> system.engine().equals(ours));
      Services.await("all pages are back", () -> system.change().isEmpty());
      system.wbinvd();
      for (int page = 0; page < PAGES; page++) {
        Pages.check(system.view(1), page, 7);
      }
    }
  }
}
