package org.redoubt.hypervisor.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.guest.GuestLoader;
import org.redoubt.api.guest.LaunchPlan;
import org.redoubt.api.guest.LaunchPlan.SecretArea;
import org.redoubt.api.guest.LaunchRequest;

class LoaderChoiceTest {
  private final PartList<GuestLoader> loaders =
      new PartList<>("guest loader", GuestLoader.LOADER_NAME);

  private static LaunchPlan.Region region(String name, long gpa, int bytes) {
    return new LaunchPlan.Region(name, gpa, MemorySegment.ofArray(new byte[bytes]));
  }

  private static LaunchPlan plan(LaunchPlan.Region... regions) {
    return new LaunchPlan(List.of(regions), new CpuState(), Optional.empty());
  }

  /** Takes kernels that begin with a letter; its plan has a region of its own name. */
  private record Loader(String name, char letter) implements GuestLoader {
    @Override
    public boolean accepts(byte[] head) {
      boolean mine = head[0] == letter;
      head[0] = 'x';
      return mine;
    }

    @Override
    public LaunchPlan plan(LaunchRequest request) {
      return LoaderChoiceTest.plan(region(name, 0, 4096));
    }
  }

  private void add(GuestLoader loader, String name, int ranking) {
    loaders.add(loader, Map.of(GuestLoader.LOADER_NAME, name, "service.ranking", ranking));
  }

  private String chosen(String kernel, Optional<String> name) throws HypervisorException {
    LaunchRequest request =
        new LaunchRequest(
            MemorySegment.ofArray(kernel.getBytes(StandardCharsets.US_ASCII)),
            Optional.empty(),
            "",
            1 << 20,
            1,
            0,
            0);
    return new LoaderChoice(loaders)
        .plan(Path.of("/boot/k"), name, kernel.getBytes(StandardCharsets.US_ASCII), request)
        .regions()
        .getFirst()
        .name();
  }

  private String refusal(String kernel, Optional<String> name) {
    return String.valueOf(
        assertThrows(HypervisorException.class, () -> chosen(kernel, name)).getMessage());
  }

  @Test
  void shouldTakeTheFirstByRankThatKnowsTheKernelUnlessOneIsNamed() throws Exception {
    add(new Loader("low", 'k'), "low", -100);
    add(new Loader("other", 'o'), "other", 5);
    add(new Loader("high", 'k'), "high", 0);
    assertEquals("high", chosen("kernel", Optional.empty()));
    assertEquals("other", chosen("other", Optional.empty()));
    assertEquals("low", chosen("kernel", Optional.of("low")));
    assertEquals("other", chosen("kernel", Optional.of("other")), "its own to refuse");
    assertEquals(
        "No guest loader knows the kernel /boot/k; there are loaders for: other, high, low",
        refusal("z", Optional.empty()));
    assertEquals(
        "No guest loader is called 'best'; there are: other, high, low",
        refusal("kernel", Optional.of("best")));
  }

  @Test
  void shouldGoOnToTheNextWhenALoaderFailsToLook() throws Exception {
    add(new Loader("sound", 'k'), "sound", 0);
    add(
        new GuestLoader() {
          @Override
          public boolean accepts(byte[] head) {
            throw new IllegalStateException("broken");
          }

          @Override
          public LaunchPlan plan(LaunchRequest request) {
            throw new ArrayIndexOutOfBoundsException(7);
          }
        },
        "broken",
        1);
    assertEquals("sound", chosen("kernel", Optional.empty()));
    assertTrue(
        refusal("kernel", Optional.of("broken"))
            .startsWith("The guest loader 'broken' failed, which is its bug: "));
  }

  @ParameterizedTest
  @CsvSource({
    "4096, 4096, 4097, 4096, 0,    0,  regions are whole pages",
    "4096, 4096, 8192, 100,  0,    0,  regions are whole pages",
    "4096, 8192, 8192, 4096, 0,    0,  regions are whole pages",
    "8192, 4096, 4096, 8192, 0,    0,  regions are whole pages",
    "4096, 4096, 8192, 0,    0,    0,  regions are whole pages",
    "4096, 4096, 8192, 4096, 0,    16, outside of its regions",
    "4096, 4096, 8192, 4096, 12288, 16, outside of its regions",
    "4096, 4096, 8192, 4096, 12280, 16, outside of its regions",
    "4096, 4096, 8192, 4096, 4096, -16, outside of its regions"
  })
  void shouldRefuseAPlanThatCannotBe(
      long gpa1, int bytes1, long gpa2, int bytes2, long secret, int room, String says) {
    LaunchPlan plan =
        new LaunchPlan(
            List.of(region("one", gpa1, bytes1), region("two", gpa2, bytes2)),
            new CpuState(),
            room == 0 ? Optional.empty() : Optional.of(new SecretArea(secret, room)));
    add(
        new GuestLoader() {
          @Override
          public boolean accepts(byte[] head) {
            return true;
          }

          @Override
          public LaunchPlan plan(LaunchRequest request) {
            return plan;
          }
        },
        "wild",
        0);
    String refusal = refusal("kernel", Optional.empty());
    assertTrue(refusal.startsWith("The guest loader 'wild' "), refusal);
    assertTrue(refusal.contains(says), refusal);
  }
}
