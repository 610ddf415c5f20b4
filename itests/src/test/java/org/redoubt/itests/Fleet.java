package org.redoubt.itests;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.memory.AddressMap;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.PageInfo;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.Vm;
import org.redoubt.api.vm.VmConfig;

/**
 * Several SEV guests on one host whose DRAM is a file: Debian's kernel each, launched by an owner
 * who sends a secret, and keys that the test knows. Made once, shared by the tests of a class, for
 * a boot takes its time.
 *
 * <p>How the test gets the keys: the firmware's mailbox does the whole launch, but the memory
 * system asks the test's {@link TestKeys} for keys in place of the firmware.
 */
final class Fleet {
  /** Booted guests: a few in every build, four with {@code -Dredoubt.fleet=4}. */
  static final int GUESTS = Integer.getInteger("redoubt.fleet", 2);

  static final long GUEST_BYTES = 256L << 20;
  static final long SMALL_CACHE = 32L << 20;
  private static final String READY = "Type 'poweroff' to leave.";
  private static final int WORD_BYTES = 32;

  /** Room besides: the anchor, small guests, nested tables, the firmware's buffers. */
  private static final int OTHERS_MIB = 512;

  /** Clears interrupts and halts: stands for the host's settings, and that the host stays. */
  private static final String HALT = "fa f4 ebfd";

  final Path folder = Files.createTempDirectory("redoubt-fleet-");
  final Path dramFile = folder.resolve("dram");
  final TestKeys keys = new TestKeys();
  final Hypervisor hypervisor = Services.get(Hypervisor.class);
  final Vm anchor;
  final MemorySystem memory;
  final List<Member> members = new ArrayList<>();

  private static @Nullable Fleet fleet;

  /** A guest, its shell, and what it holds. */
  record Member(Vm vm, GuestShell shell, String secret, byte[] word) {
    String name() {
      return vm.config().name();
    }
  }

  /** The fleet, booted. */
  static synchronized Fleet get() throws Exception {
    Fleet there = fleet;
    if (there == null) {
      there = new Fleet();
      fleet = there;
    }
    return there;
  }

  private Fleet() throws Exception {
    Path kernel = Files.write(folder.resolve("halt"), HandMadeKernel.of(HALT));
    Shell shell = new Shell();
    shell.run(
        "vm:create --name anchor --protection none --kernel %s --memory 64M --dram %s --soc-cache 32M --option host.dram=%d"
            .formatted(kernel, dramFile, (GUESTS * GUEST_BYTES >> 20) + OTHERS_MIB));
    anchor = hypervisor.vm("anchor").orElseThrow();
    memory = anchor.memory();
    hypervisor.secureProcessor(); // is the key installer, once it is there
    memory.setKeyInstaller(Optional.of(keys));
    SecureRandom random = new SecureRandom();
    List<String> secrets = new ArrayList<>();
    for (int number = 0; number < GUESTS; number++) {
      byte[] bytes = new byte[16];
      random.nextBytes(bytes);
      secrets.add("fleet-" + HexFormat.of().formatHex(bytes));
      Path secret = Files.writeString(folder.resolve("secret" + number), secrets.getLast());
      shell.run(
          "vm:create --name g%d --memory 256M --protection sev --dram %s --soc-cache 32M --append 'console=ttyS0 quiet panic=-1 oops=panic' --secret %s"
              .formatted(number, dramFile, secret));
      Vm vm = hypervisor.vm("g" + number).orElseThrow();
      byte[] word = new byte[WORD_BYTES];
      random.nextBytes(word);
      members.add(new Member(vm, new GuestShell(vm), secrets.getLast(), word));
      vm.start();
    }
    for (Member member : members) {
      member.shell.expect(READY);
      StringBuilder octal = new StringBuilder();
      for (byte b : member.word) {
        octal.append("\\%03o".formatted(b & 0xff));
      }
      member.shell.ask("stty -echo; printf '%s' > /tmp/word".formatted(octal));
    }
  }

  /** Ends all of it; nothing is left on the disk. */
  void close() throws IOException {
    members.forEach(member -> member.vm.close());
    anchor.close();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(folder);
  }

  /** Addresses of a guest's private pages that were written, ascending. */
  List<Long> privatePages(Vm vm) {
    List<Long> pages = new ArrayList<>();
    for (long gpa = 0; gpa < GUEST_BYTES; gpa += AddressMap.PAGE_BYTES) {
      long spa = vm.spa(gpa).orElseThrow();
      PageInfo info = memory.pageInfo(spa);
      if (info.touched() && info.tag() == vm.asid()) {
        pages.add(spa);
      }
    }
    return pages;
  }

  /** A page as a guest or, with tag 0, the host reads it. */
  byte[] page(int tag, long spa) {
    byte[] bytes = new byte[AddressMap.PAGE_BYTES];
    memory.view(tag).read(spa, MemorySegment.ofArray(bytes));
    return bytes;
  }

  /** A page's bytes in DRAM. */
  byte[] dram(long spa) {
    byte[] bytes = new byte[AddressMap.PAGE_BYTES];
    memory.probe(spa, MemorySegment.ofArray(bytes));
    return bytes;
  }

  /** A booted guest; with fewer than asked for, an earlier one again. */
  Member member(int number) {
    return members.get(number % members.size());
  }

  /** The members that still run. */
  List<Member> living() {
    return members.stream().filter(member -> member.vm.state() == Vm.State.RUNNING).toList();
  }

  /** Settings of a small SEV guest on the fleet's host. */
  VmConfig encrypted(String name, Path kernel) {
    return new VmConfig(
        name,
        kernel,
        Optional.empty(),
        "",
        64L << 20,
        1,
        VmConfig.Protection.SEV,
        Optional.empty(),
        Optional.empty(),
        "EPYC",
        Optional.of(dramFile),
        SMALL_CACHE,
        false,
        false,
        Map.of());
  }
}
