package org.redoubt.itests;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;

/**
 * A Multiboot kernel that prints the loader's name, its command line, the memory map (low half of
 * address and length, type) and name and bytes of each module on the first serial port, then powers
 * off through ACPI. Multiboot Specification 0.6.96.
 */
final class MultibootKernel {
  /** Where it runs. */
  private static final int GPA = 0x10_0000;

  private static final int HEADER_BYTES = 0x20;
  private static final int MAGIC = 0x1BAD_B002;

  /** Modules at pages, memory map. */
  private static final int DEMANDS = 3;

  private static final int ADDRESSES = 1 << 16;
  private static final int STACK_TOP = 0x10_2000;

  private static final String CODE =
      """
      bc00201000      ;       mov esp, 102000h
      3d02b0ad2b      ;       cmp eax, 2BADB002h
      756c            ;       jne off
      8b7340          ;       mov esi, [ebx+40h]      boot_loader_name
      e891000000      ;       call line
      8b7310          ;       mov esi, [ebx+10h]      cmdline
      e889000000      ;       call line
      8b4b2c          ;       mov ecx, [ebx+2Ch]      mmap_length
      8b7b30          ;       mov edi, [ebx+30h]      mmap_addr
      8b5704          ; map:  mov edx, [edi+4]
      e859000000      ;       call hex
      8b570c          ;       mov edx, [edi+0Ch]
      e851000000      ;       call hex
      8b5714          ;       mov edx, [edi+14h]
      e849000000      ;       call hex
      b00a            ;       mov al, 10
      e872000000      ;       call put
      83c718          ;       add edi, 18h
      83e918          ;       sub ecx, 18h
      77d9            ;       ja map
      8b4b14          ;       mov ecx, [ebx+14h]      mods_count
      8b7b18          ;       mov edi, [ebx+18h]      mods_addr
      e327            ;       jecxz off
      8b7708          ; mod:  mov esi, [edi+8]
      e84c000000      ;       call line
      8b37            ;       mov esi, [edi]
      3b7704          ; byte: cmp esi, [edi+4]
      730c            ;       jae next
      ac              ;       lodsb
      84c0            ;       test al, al
      74f6            ;       jz byte
      e849000000      ;       call put
      ebef            ;       jmp byte
      b00a            ; next: mov al, 10
      e840000000      ;       call put
      83c710          ;       add edi, 10h
      e2d9            ;       loop mod
      66ba0406        ; off:  mov dx, 604h            PM1_CNT
      66b80020        ;       mov ax, 2000h           SLP_EN, S5
      66ef            ;       out dx, ax
      f4              ;       hlt
      51              ; hex:  push ecx
      b908000000      ;       mov ecx, 8
      c1c204          ; dig:  rol edx, 4
      88d0            ;       mov al, dl
      240f            ;       and al, 15
      3c0a            ;       cmp al, 10
      1c69            ;       sbb al, 69h
      2f              ;       das
      e819000000      ;       call put
      e2ed            ;       loop dig
      b020            ;       mov al, ' '
      e810000000      ;       call put
      59              ;       pop ecx
      c3              ;       ret
      ac              ; line: lodsb
      84c0            ;       test al, al
      7407            ;       jz end
      e804000000      ;       call put
      ebf4            ;       jmp line
      b00a            ; end:  mov al, 10
      52              ; put:  push edx
      50              ;       push eax
      66bafd03        ;       mov dx, 3FDh            LSR
      ec              ; wait: in al, dx
      a820            ;       test al, 20h            THRE
      74fb            ;       jz wait
      58              ;       pop eax
      66baf803        ;       mov dx, 3F8h
      ee              ;       out dx, al
      5a              ;       pop edx
      c3              ;       ret
      """;

  private MultibootKernel() {}

  private static byte[] code() {
    return HexFormat.of().parseHex(CODE.replaceAll(";.*", "").replaceAll("\\s+", ""));
  }

  /** The file with addresses in its header. */
  static byte[] withAddresses() {
    byte[] code = code();
    int bytes = HEADER_BYTES + code.length;
    ByteBuffer file = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int flags = DEMANDS | ADDRESSES;
    file.putInt(MAGIC).putInt(flags).putInt(-(MAGIC + flags));
    file.putInt(GPA).putInt(GPA).putInt(GPA + bytes).putInt(STACK_TOP).putInt(GPA + HEADER_BYTES);
    return file.put(code).array();
  }

  /** As a 32-bit ELF file, whose segment is linked at 3 GiB above where it is loaded. */
  static byte[] asElf() {
    byte[] code = code();
    int at = 0x1000;
    int bytes = HEADER_BYTES + code.length;
    int linked = 0xC000_0000 + GPA;
    ByteBuffer file = ByteBuffer.allocate(at + bytes).order(ByteOrder.LITTLE_ENDIAN);
    file.put(0, new byte[] {0x7F, 'E', 'L', 'F', 1, 1, 1});
    file.putShort(0x10, (short) 2).putShort(0x12, (short) 3).putInt(0x14, 1);
    file.putInt(0x18, linked + HEADER_BYTES).putInt(0x1C, 52);
    file.putShort(0x28, (short) 52).putShort(0x2A, (short) 32).putShort(0x2C, (short) 1);
    file.putInt(52, 1).putInt(56, at).putInt(60, linked).putInt(64, GPA);
    file.putInt(68, bytes).putInt(72, STACK_TOP - GPA).putInt(76, 7).putInt(80, 0x1000);
    file.putInt(at, MAGIC).putInt(at + 4, DEMANDS).putInt(at + 8, -(MAGIC + DEMANDS));
    file.put(at + HEADER_BYTES, code);
    return file.array();
  }
}
