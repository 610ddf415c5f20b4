package org.redoubt.linux.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Any machine's tables, followed from the root pointer to the last byte of the DSDT as an operating
 * system does: every length and checksum holds, and nothing leads out of the block. The property
 * {@code redoubt.fuzz} is the number of machines, {@code redoubt.fuzz.seed} says with which to
 * begin.
 */
class AcpiFuzzTest {
  private static final int INPUTS = Integer.getInteger("redoubt.fuzz", 2_000);
  private static final long SEED = Long.getLong("redoubt.fuzz.seed", 0);

  @Test
  void shouldDescribeAnyMachineInTablesThatHold() {
    int refused = 0;
    for (long seed = SEED; seed < SEED + INPUTS; seed++) {
      Random random = new Random(seed);
      long gpa = (long) random.nextInt(1, 1 << 16) << 16;
      Machine machine = machine(random);
      try {
        new Walk(gpa, AcpiTables.build(gpa, machine)).all(machine);
      } catch (IllegalArgumentException e) {
        assertTrue(machine.mmioDevices().size() > 256, "seed %d: %s".formatted(seed, e));
        refused++;
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError("seed %d, %s: %s".formatted(seed, machine, e), e);
      }
    }
    assertTrue(refused < INPUTS / 4, refused + " machines refused");
  }

  private static Machine machine(Random random) {
    List<Machine.MmioDevice> devices = new ArrayList<>();
    int most = random.nextInt(40) == 0 ? 2_000 : 64;
    for (int i = random.nextInt(most); i > 0; i--) {
      long gpa = Machine.LOW_MEMORY_END + random.nextLong(0x3000_0000L);
      devices.add(
          new Machine.MmioDevice(gpa, 1 + random.nextLong(0xE00_0000L), random.nextInt(24)));
    }
    long memory = random.nextLong(1, 1L << random.nextInt(1, 36)) << 12;
    int vcpus = 1 + random.nextInt(random.nextBoolean() ? 8 : Machine.MAX_VCPUS);
    return Machine.of(memory, vcpus).withMmioDevices(devices);
  }

  @Test
  void shouldNotPassTablesThatAreDamaged() {
    Machine machine = Machine.of(512L << 20, 2);
    long gpa = 0x1FFF_0000;
    int passed = 0;
    for (int at : new int[] {0, 9, 24, 33, 0x40, 0x44, 0x49, 0x64, 0x104, 0x1000, 0x102C, 0x2004}) {
      AcpiTables tables = AcpiTables.build(gpa, machine);
      byte old = tables.bytes().get(ValueLayout.JAVA_BYTE, at);
      tables.bytes().set(ValueLayout.JAVA_BYTE, at, (byte) (old ^ 1));
      assertThrows(
          Throwable.class,
          () -> new Walk(gpa, tables).all(machine),
          () -> "byte " + at + " passed");
      passed++;
    }
    assertEquals(12, passed);
  }

  /** An operating system's way through the tables. */
  private static final class Walk {
    private final long gpa;
    private final AcpiTables tables;

    Walk(long gpa, AcpiTables tables) {
      this.gpa = gpa;
      this.tables = tables;
    }

    void all(Machine machine) {
      MemorySegment rsdp = at(tables.rsdp(), AcpiTables.RSDP_BYTES);
      assertEquals("RSD PTR ", text(rsdp, 0, 8));
      assertSums(rsdp.asSlice(0, 20));
      assertSums(rsdp);
      MemorySegment xsdt = table(Bytes.u64(rsdp, 24), "XSDT");
      assertEquals(0, (xsdt.byteSize() - 36) % 8, "whole pointers");
      List<String> found = new ArrayList<>();
      for (long i = 36; i < xsdt.byteSize(); i += 8) {
        MemorySegment table = table(Bytes.u64(xsdt, i), "");
        String signature = text(table, 0, 4);
        found.add(signature);
        switch (signature) {
          case "FACP" -> {
            assertEquals("FACS", text(at(Bytes.u32(table, 36), 64), 0, 4));
            MemorySegment dsdt = table(Bytes.u64(table, 140), "DSDT");
            assertEquals(dsdt.byteSize(), terms(dsdt, 36, dsdt.byteSize()));
          }
          case "APIC" -> assertEquals(machine.vcpus(), processors(table));
          default -> {}
        }
      }
      assertEquals(List.of("FACP", "APIC", "MCFG"), found);
    }

    private MemorySegment at(long where, long bytes) {
      return tables.bytes().asSlice(where - gpa, bytes);
    }

    private MemorySegment table(long where, String signature) {
      MemorySegment head = at(where, 36);
      MemorySegment table = at(where, Bytes.u32(head, 4));
      assertTrue(table.byteSize() >= 36, "a table of %d bytes".formatted(table.byteSize()));
      assertTrue(signature.isEmpty() || signature.equals(text(table, 0, 4)), signature);
      assertSums(table);
      return table;
    }

    private static int processors(MemorySegment madt) {
      int processors = 0;
      long at = 44;
      while (at < madt.byteSize()) {
        processors += Bytes.u8(madt, at) == 0 ? 1 : 0;
        assertTrue(Bytes.u8(madt, at + 1) >= 2, "an entry without length");
        at += Bytes.u8(madt, at + 1);
      }
      assertEquals(madt.byteSize(), at);
      return processors;
    }

    // AML, as much of it as these tables have. ACPI 6.5, section 20.2.

    private static long terms(MemorySegment aml, long from, long end) {
      long at = from;
      while (at < end) {
        at = term(aml, at, end);
      }
      assertEquals(end, at, "a term that ends beyond what holds it");
      return at;
    }

    private static long term(MemorySegment aml, long at, long end) {
      int op = Bytes.u8(aml, at);
      return switch (op) {
        case 0x08 -> term(aml, name(aml, at + 1), end);
        case 0x10 -> terms(aml, name(aml, behindLength(aml, at + 1)), last(aml, at + 1, end));
        case 0x5B -> {
          assertEquals(0x82, Bytes.u8(aml, at + 1), "a device");
          yield terms(aml, name(aml, behindLength(aml, at + 2)), last(aml, at + 2, end));
        }
        case 0x12 -> {
          long elements = behindLength(aml, at + 1);
          long next = elements + 1;
          for (int i = Bytes.u8(aml, elements); i > 0; i--) {
            next = term(aml, next, end);
          }
          assertEquals(last(aml, at + 1, end), next, "a package's elements");
          yield next;
        }
        case 0x11 -> last(aml, at + 1, end);
        case 0x00, 0x01 -> at + 1;
        case 0x0A -> at + 2;
        case 0x0B -> at + 3;
        case 0x0C -> at + 5;
        case 0x0E -> at + 9;
        case 0x0D -> {
          long next = at + 1;
          while (Bytes.u8(aml, next) != 0) {
            next++;
          }
          yield next + 1;
        }
        default -> throw new AssertionError("AML opcode %02x at %x".formatted(op, at));
      };
    }

    private static long name(MemorySegment aml, long at) {
      long first = Bytes.u8(aml, at) == '\\' ? at + 1 : at;
      String name = text(aml, first, 4);
      assertTrue(name.matches("[A-Z_][A-Z_0-9]{3}"), name);
      return first + 4;
    }

    private static long behindLength(MemorySegment aml, long at) {
      return at + 1 + (Bytes.u8(aml, at) >> 6);
    }

    /** Where what has a length at this place ends. */
    private static long last(MemorySegment aml, long at, long end) {
      int lead = Bytes.u8(aml, at);
      long bytes = lead >> 6 == 0 ? lead & 0x3F : lead & 0xF;
      for (int i = 0; i < lead >> 6; i++) {
        bytes |= (long) Bytes.u8(aml, at + 1 + i) << 4 + 8 * i;
      }
      assertTrue(at + bytes <= end, "a length of %d at %x".formatted(bytes, at));
      return at + bytes;
    }

    private static String text(MemorySegment from, long at, int bytes) {
      return new String(
          from.asSlice(at, bytes).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.US_ASCII);
    }

    private static void assertSums(MemorySegment table) {
      byte sum = 0;
      for (byte b : table.toArray(ValueLayout.JAVA_BYTE)) {
        sum += b;
      }
      assertEquals(0, sum, "a checksum");
    }
  }
}
