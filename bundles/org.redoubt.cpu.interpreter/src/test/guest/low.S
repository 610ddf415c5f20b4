.code32
.globl _start, stubs, t_entry, t_iret, ring3_call_gate, ring3_call_tss, ring3_jmp_gate3, call_on_main, v86_code, stack3, vcases, vcase_count
.section .text.start
_start: mov $0xff, %al; out %al, $0x21; out %al, $0xa1; mov $0x10, %ax; mov %ax, %ds; mov %ax, %es; mov %ax, %ss; mov $main_top, %esp; call start32
1: hlt; jmp 1b
.text
call_on_main: mov 4(%esp), %eax; mov $main_top, %esp; xor %ebp, %ebp; push %eax; call run_case
t_entry: int $0x41
t_iret: iretl
  int $0x43
ring3_call_gate: lcall $0x43, $0; int $0x42
ring3_call_tss: lcall $0x33, $0; int $0x42
ring3_jmp_gate3: lcall $0x83, $0; int $0x42
.balign 16
stubs:
.set n, 0
.rept 256
.balign 16
  .if n == 8 || (n >= 10 && n <= 14) || n == 17
  .else
  pushl $0
  .endif
  pushl $n
  jmp common
.set n, n + 1
.endr
common: cld; pusha; push %ds; push %es; push %fs; push %gs; mov $0x10, %ax; mov %ax, %ds; mov %ax, %es
  movzwl %sp, %esi
  mov 48(%esi), %eax; mov %eax, frame
  mov 52(%esi), %eax; mov %eax, frame + 4
  mov 56(%esi), %eax; mov %eax, frame + 8
  mov 60(%esi), %eax; mov %eax, frame + 12
  mov 64(%esi), %ecx; mov %ecx, frame + 16
  lea 68(%esi), %edx; movl $0, frame + 24; mov 68(%esi), %ebx
  test $0x20000, %ecx; jnz inner
  test $3, %al; jz same
inner: mov 68(%esi), %edx; mov 72(%esi), %eax; mov %eax, frame + 24; mov 76(%esi), %ebx
  test $0x20000, %ecx; jnz 1f
  mov (%edx), %ebx
  cmpl $0x1000, %edx; jb 1f
  jmp same
1: xor %ebx, %ebx
  test $0x20000, %ecx; jz same
  mov 72(%esi), %ebx; shl $4, %ebx; add %edx, %ebx; mov (%ebx), %ebx
same: mov %edx, frame + 20; mov %ebx, frame + 28
  mov 44(%esi), %eax; mov %eax, frame + 32
  mov 32(%esi), %eax; mov %eax, frame + 36
  mov 24(%esi), %eax; mov %eax, frame + 40
  mov 16(%esi), %eax; mov %eax, frame + 44
  mov 12(%esi), %eax; mov %eax, frame + 48
  mov 8(%esi), %eax; mov %eax, frame + 52
  mov 4(%esi), %eax; mov %eax, frame + 56
  mov (%esi), %eax; mov %eax, frame + 60
  mov $0x10, %ax; mov %ax, %ss; mov $main_top, %esp
  jmp report
.code16
v86_code: int $0x41
  iretw
  int $0x43
v_cli: cli; pushfl_: .byte 0x66, 0x9c; int $0x41
v_sti: sti; int $0x41
v_pushf: pushfw; popw %ax; int $0x41
v_pushfd: pushfl; int $0x41
v_popf_if: pushw $0x0ed7; popfw; int $0x41
v_popf_0: pushw $0x7002; popfw; int $0x41
v_popf_tf: pushw $0x0102; popfw; nop; int $0x41
v_popfd: pushl $0x0ed7; popfl; int $0x41
v_iret: pushw $0x0ed7; pushw $0x0800; pushw $v_after - 0x8000; iretw
v_iretd: pushl $0x0ed7; pushl $0x0800; pushl $v_after - 0x8000; iretl
v_iretd_beyond: pushl $0x0ed7; pushl $0x0800; pushl $v_after + 0x8000; iretl
v_after: int $0x41
v_int21: int $0x21; int $0x43
v_int22: int $0x22; int $0x43
v_int3: int3; int $0x43
v_into: mov $0x7f, %al; add $1, %al; into; int $0x43
v_hlt: hlt; int $0x41
v_in: in $0x80, %al; mov $0, %ax; int $0x41
v_in_denied: in $0x90, %al; int $0x41
v_cr0: mov %cr0, %eax; int $0x41
v_lgdt: lgdt 0; int $0x41
v_lldt: lldt %ax; int $0x41
v_far: ljmp $0x0700, $v_after - 0x7000
v_callfar: lcall $0x0700, $v_after - 0x7000
v_retf: pushw $0x0700; pushw $v_after - 0x7000; lretw
v_ds: mov $0x0740, %ax; mov %ax, %ds; mov $0, %bx; int $0x41
v_limit: mov $0xffff, %bx; mov (%bx), %ax; int $0x41
v_push_limit: mov $1, %sp; push %ax; int $0x41
v_cli_push: cli; pushfw; pop %ax; int $0x41
.balign 4
.code32
.macro V name, at, flags, vme
  .section .rodata.str; 9: .asciz "\name"; .previous
  .section .rodata; .long 9b, \at, \flags, \vme; .previous
.endm
.section .rodata
.balign 4
vcases:
.previous
.macro BOTH name, at, more=0
  V "v86 \name, iopl 0", \at, 0x200 + \more, 0
  V "v86 \name, iopl 3", \at, 0x3200 + \more, 0
  V "v86 \name, iopl 0, vme", \at, 0x200 + \more, 1
  V "v86 \name, iopl 3, vme", \at, 0x3200 + \more, 1
.endm
BOTH "cli", v_cli
BOTH "cli with vif", v_cli, 0x80000
BOTH "sti", v_sti
BOTH "sti with vip", v_sti, 0x100000
BOTH "pushf", v_pushf
BOTH "pushf with vif", v_pushf, 0x80000
BOTH "pushfd", v_pushfd
BOTH "popf if", v_popf_if
BOTH "popf if with vip", v_popf_if, 0x100000
BOTH "popf 0", v_popf_0, 0x80000
BOTH "popf tf", v_popf_tf
BOTH "popfd", v_popfd
BOTH "iret", v_iret
BOTH "iret with vip", v_iret, 0x100000
BOTH "iretd", v_iretd
BOTH "iretd beyond", v_iretd_beyond
BOTH "int 21h", v_int21
BOTH "int 21h with vif", v_int21, 0x80000
BOTH "int 22h", v_int22
BOTH "int3", v_int3
BOTH "into", v_into
V "v86 hlt", v_hlt, 0x3202, 0
V "v86 in allowed", v_in, 0x3202, 0
V "v86 in allowed, iopl 0", v_in, 0x202, 0
V "v86 in denied", v_in_denied, 0x3202, 0
V "v86 cr0", v_cr0, 0x3202, 0
V "v86 lgdt", v_lgdt, 0x3202, 0
V "v86 lldt", v_lldt, 0x3202, 0
V "v86 far jump", v_far, 0x3202, 0
V "v86 far call", v_callfar, 0x3202, 0
V "v86 far return", v_retf, 0x3202, 0
V "v86 ds", v_ds, 0x3202, 0
V "v86 limit", v_limit, 0x3202, 0
V "v86 push at the limit", v_push_limit, 0x3202, 0
V "v86 single step", v_cli_push, 0x3302, 0
.section .rodata
vcases_end:
vcase_count: .long (vcases_end - vcases) / 16
.bss
.balign 16
stack3: .skip 512
.skip 4096
main_top:
