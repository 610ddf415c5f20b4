.code16
.globl _boot
_boot: cli; xor %ax, %ax; mov %ax, %ds; mov %ax, %ss; mov $0x7000, %sp; sti
  mov $0x0800, %ax; mov %ax, %es; mov $1, %si   /* sector number */
1: mov %si, %ax; xor %dx, %dx; mov $18, %bx; div %bx; mov %dl, %cl; inc %cl; mov %al, %ch; mov %al, %dh; and $1, %dh; shr $1, %ch; mov $0, %dl
  xor %bx, %bx; mov $0x0201, %ax; int $0x13
  mov %es, %ax; add $0x20, %ax; mov %ax, %es; inc %si; cmp $101, %si; jb 1b
  in $0x92, %al; or $2, %al; out %al, $0x92
  cli; lgdt gdtr; mov %cr0, %eax; or $1, %al; mov %eax, %cr0; ljmp $8, $0x8000
.balign 8
gdt: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdtr: .word 23; .long gdt
.org 510
.word 0xaa55
