# Protection keys, for a guest without an operating system, on --cpu EPYC-Milan.
#   as keys.s -o k.o && ld -Ttext=0x1000200 --oformat=binary -e start k.o -o k.bin && xxd -p -c 32 k.bin > keys.hex
# A page of 2 MiB that users may write has key 5. Ends with the number of what went wrong:
#   1 CPUID has no PKU   2 CPUID has OSPKE too early, or not at all   3 XSAVE's leaves   4 a fault where there should be none
#   5 a write that PKRU forbids   6 and without CR0.WP   7 a read that PKRU forbids   8 a fetch that PKRU cannot forbid
#   9 XSAVE, XRSTOR and PKRU   10 the compacted format   11 RDPKRU and WRPKRU refuse   12 a write by a user
# All well: 42.
.set PAGE, 0x2000000
.set AREA, 0x1e00000
.set IDT, 0x1d01000
.set TSS, 0x1d03000
.set GDT, 0x1d04000
.set STACK, 0x1d10000
.set KEY, 5
.set AD, 1 << (2 * KEY)
.set WD, 2 << (2 * KEY)

.code64
.globl start
start:
    cli
    cld
    mov $STACK, %esp
    xor %eax, %eax
    mov $IDT, %edi
    mov $0x4000 / 8, %ecx
    rep stosq
    # descriptors: code and data of the kernel, data and code of users, a task
    mov $GDT, %edi
    mov $0x00af9a000000ffff, %rax
    mov %rax, 0x10(%rdi)
    mov $0x00cf92000000ffff, %rax
    mov %rax, 0x18(%rdi)
    mov $0x00cff2000000ffff, %rax
    mov %rax, 0x20(%rdi)
    mov $0x00affa000000ffff, %rax
    mov %rax, 0x28(%rdi)
    mov $0x0000890000000067 | (TSS & 0xffff) << 16 | (TSS >> 16 & 0xff) << 32 | (TSS >> 24) << 56, %rax
    mov %rax, 0x30(%rdi)
    movq $0, 0x38(%rdi)
    movq $STACK - 0x100, TSS + 4
    lgdt gdt_pointer(%rip)
    push $0x10
    lea 1f(%rip), %rax
    push %rax
    lretq
1:  mov $0x18, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $0x30, %eax
    ltr %ax
    # #UD, #GP and #PF
    lea no_code(%rip), %rax
    mov $6, %ecx
    call gate
    lea with_code(%rip), %rax
    mov $13, %ecx
    call gate
    lea with_code(%rip), %rax
    mov $14, %ecx
    call gate
    lidt idt_pointer(%rip)
    # users may reach all, and one page has the key
    mov $0x00007ffffffff000, %r8
    mov %cr3, %rdi
    and %r8, %rdi
    orq $4, (%rdi)
    mov (%rdi), %rdi
    and %r8, %rdi
    orq $4, (%rdi)
    mov (%rdi), %rdi
    and %r8, %rdi
    orq $4, (PAGE >> 21) * 8(%rdi)
    mov $KEY << 59, %rax
    or %rax, (PAGE >> 21) * 8(%rdi)
    orq $4, (0x1000000 >> 21) * 8(%rdi)
    mov %cr3, %rax
    mov %rax, %cr3

    mov %cr0, %rax
    or $0x10000, %eax               # WP
    mov %rax, %cr0

    mov $1, %r14d                   # CPUID
    mov $7, %eax
    xor %ecx, %ecx
    cpuid
    test $1 << 3, %ecx
    jz failed
    inc %r14d
    test $1 << 4, %ecx
    jnz failed
    mov %cr4, %rax
    or $1 << 22 | 1 << 18 | 1 << 9, %eax
    mov %rax, %cr4
    mov $7, %eax
    xor %ecx, %ecx
    cpuid
    test $1 << 4, %ecx
    jz failed
    inc %r14d
    mov $0xd, %eax
    xor %ecx, %ecx
    cpuid
    cmp $0x207, %eax
    jne failed
    mov $0xd, %eax
    mov $9, %ecx
    cpuid
    cmp $8, %eax
    jne failed
    cmp $832, %ebx
    jne failed
    xor %ecx, %ecx
    xor %edx, %edx
    mov $0x207, %eax
    xsetbv
    mov $0xd, %eax
    xor %ecx, %ecx
    cpuid
    cmp $840, %ebx
    jne failed

    inc %r14d                       # 4: all rights
    xor %eax, %eax
    call rights
    movl $7, PAGE
    cmpl $7, PAGE
    jne failed

    inc %r14d                       # 5: writes, at once
    mov $WD, %eax
    call rights
    cmpl $7, PAGE
    jne failed
    mov $0x23, %r12d
    lea 1f(%rip), %r13
    movl $8, PAGE
    jmp failed
1:  cmp $PAGE, %rbx
    jne failed
    cmpl $7, PAGE
    jne failed

    inc %r14d                       # 6: a supervisor's without WP
    mov %cr0, %rax
    and $~0x10000, %rax
    mov %rax, %cr0
    movl $9, PAGE
    or $0x10000, %rax
    mov %rax, %cr0
    mov $0x23, %r12d
    lea 1f(%rip), %r13
    movl $8, PAGE
    jmp failed
1:  cmpl $9, PAGE
    jne failed

    inc %r14d                       # 7: reads
    mov $AD, %eax
    call rights
    mov $0x21, %r12d
    lea 1f(%rip), %r13
    mov PAGE, %eax
    jmp failed
1:  mov $~AD & 0xffffffff, %eax     # every other key
    call rights
    cmpl $9, PAGE
    jne failed

    inc %r14d                       # 8: fetches
    xor %eax, %eax
    call rights
    movb $0xc3, PAGE + 0x100
    mov $AD | WD, %eax
    call rights
    mov $PAGE + 0x100, %eax
    call *%rax

    inc %r14d                       # 9: XSAVE and XRSTOR
    xor %eax, %eax
    mov $AREA, %edi
    mov $1024 / 8, %ecx
    rep stosq
    mov $0x12345678 & ~3, %eax
    call rights
    mov $0x200, %eax
    xsave AREA
    cmpl $0x12345678 & ~3, AREA + 832
    jne failed
    cmpq $0x200, AREA + 512
    jne failed
    xor %eax, %eax
    call rights
    xor %edx, %edx
    mov $0x200, %eax
    xrstor AREA
    xor %ecx, %ecx
    rdpkru
    cmp $0x12345678 & ~3, %eax
    jne failed
    movq $0, AREA + 512             # initial: no restrictions
    xor %edx, %edx
    mov $0x200, %eax
    xrstor AREA
    xor %ecx, %ecx
    rdpkru
    or %edx, %eax
    jnz failed
    cmpl $9, PAGE
    jne failed

    inc %r14d                       # 10: compacted
    mov $0x1234, %eax
    call rights
    xor %edx, %edx
    mov $0x203, %eax
    xsavec AREA
    cmpl $0x1234, AREA + 576
    jne failed
    xor %eax, %eax
    call rights
    xor %edx, %edx
    mov $0x200, %eax
    xrstor AREA
    xor %ecx, %ecx
    rdpkru
    cmp $0x1234, %eax
    jne failed
    xor %eax, %eax
    call rights

    inc %r14d                       # 11: ECX and EDX; without CR4.PKE
    xor %r12d, %r12d
    lea 1f(%rip), %r13
    mov $1, %ecx
    rdpkru
    jmp failed
1:  lea 2f(%rip), %r13
    xor %ecx, %ecx
    mov $1, %edx
    wrpkru
    jmp failed
2:  mov %cr4, %rax
    btr $22, %rax
    mov %rax, %cr4
    mov $-1, %r12
    lea 3f(%rip), %r13
    xor %edx, %edx
    rdpkru
    jmp failed
3:  bts $22, %rax
    mov %rax, %cr4

    inc %r14d                       # 12: a user's write, and WP does not matter
    mov $WD, %eax
    call rights
    mov %cr0, %rax
    and $~0x10000, %rax
    mov %rax, %cr0
    mov $0x27, %r12d
    lea done(%rip), %r13
    push $0x23
    push $STACK - 0x800
    push $2
    push $0x2b
    lea user(%rip), %rax
    push %rax
    iretq
user:
    movl $1, PAGE
    ud2

done:
    mov $42, %eax
    jmp exit
failed:
    mov %r14d, %eax
exit:
    out %al, $0xf4
    cli
    hlt
    jmp exit

rights:
    xor %ecx, %ecx
    xor %edx, %edx
    wrpkru
    ret

gate:
    shl $4, %ecx
    add $IDT, %ecx
    mov %ax, (%rcx)
    movw $0x10, 2(%rcx)
    movw $0x8e00, 4(%rcx)
    shr $16, %rax
    mov %ax, 6(%rcx)
    movq $0, 8(%rcx)
    ret

# A fault: its code is to be r12 (-1 for none), it goes on at r13; CR2 in rbx
no_code:
    push $-1
with_code:
    pop %rbx
    cmp %rbx, %r12
    jne failed
    mov %cr2, %rbx
    mov 24(%rsp), %rsp
    jmp *%r13

.balign 8
gdt_pointer:
    .word 0x3f
    .quad GDT
idt_pointer:
    .word 15 * 16 - 1
    .quad IDT
