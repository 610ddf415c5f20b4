# Litmus tests of memory order and TLB shootdown for a guest without an operating system.
#   as litmus.s -o l.o && ld -Ttext=0x1000200 --oformat=binary -e start l.o -o l.bin && xxd -p -c 32 l.bin > litmus.hex
# Starts all vCPUs (2 or 4) by INIT and SIPI in x2APIC mode. Pairs of vCPUs run each test on 4,096 locations in each of ROUNDS
# rounds; four run IRIW. Outcomes that x86 forbids (APM Vol. 2, section 7.2) end the run with the number of the test:
#   1 SB with MFENCE   2 SB with XCHG   3 MP   4 LB   5 2+2W   6 R with MFENCE   7 S   8 CoRR   9 LOCK INC
#   13 LOCK CMPXCHG16B   14 LOCK across 8 bytes, a cache line and a page
#   15 LOCK across 8 bytes on a page with code   16 the same while a data breakpoint is armed
#   10 IRIW   11 a stale translation after a shootdown by IPI   12 too few vCPUs came
# All well: 42.
.set N, 4096
.set ROUNDS, 16
.set SHOTS, 200
.set SELDOM, 4                          # tests 13 and 14 act in one iteration of so many, for they stop all vCPUs
.set RARELY, 32                         # and tests 15 and 16
.set TRAMPOLINE, 0x8000
.set VARS, 0x1d00000
.set ALIVE, VARS
.set BAR, VARS + 0x40
.set GO, VARS + 0x80
.set ACKS, VARS + 0xc0
.set PHASE, VARS + 0x100
.set IDT, VARS + 0x1000
.set STACKS, 0x1e00000
.set DATA, 0x2000000
.set TABLE, 0x3000000
.set FRAMES, 0x3100000
.set WINDOW, 0x3fe00000
.set VECTOR, 0x40

.code64
.globl start
start:
    cli
    cld
    xor %eax, %eax
    mov $VARS, %edi
    mov $0x2000 / 8, %ecx
    rep stosq
    mov %cr3, %rax
    mov %eax, cr3_slot(%rip)
    lea trampoline(%rip), %rsi
    mov $TRAMPOLINE, %edi
    mov $trampoline_end - trampoline, %ecx
    rep movsb
    # IDT entry of the shootdown
    lea shoot(%rip), %rax
    mov $IDT + VECTOR * 16, %edi
    mov %ax, (%rdi)
    movw $0x10, 2(%rdi)
    movw $0x8e00, 4(%rdi)
    shr $16, %rax
    mov %ax, 6(%rdi)
    movl $0, 8(%rdi)
    movl $0, 12(%rdi)
    # a 4 KiB page in the middle of nowhere
    mov %cr3, %rax
    mov $0x00007ffffffff000, %r8
    and %r8, %rax
    mov (%rax), %rax
    and %r8, %rax
    mov (%rax), %rax
    and %r8, %rax
    lea (WINDOW >> 21) * 8(%rax), %rdi
    mov (%rdi), %rdx
    mov $0x0000800000000000, %rbp
    and %rdx, %rbp                  # the C-bit, if there is one
    mov $TABLE + 7, %eax
    or %rbp, %rax
    mov %rax, (%rdi)
    mov $FRAMES + 7, %eax
    or %rbp, %rax
    mov $TABLE, %edi
    mov %rax, (%rdi)
    mov $FRAMES, %edi
    movq $0, (%rdi)
    movq $1, 0x1000(%rdi)
    mov %cr3, %rax
    mov %rax, %cr3
    # descriptors of our own
    lgdt gdt_pointer(%rip)
    mov $STACKS, %esp
    push $0x10
    lea 1f(%rip), %rax
    push %rax
    lretq
1:  call setup
    mov $1, %eax
    cpuid
    shr $16, %ebx
    movzbl %bl, %r14d               # how many there are
    mov $0x830, %ecx
    xor %edx, %edx
    mov $0xc4500, %eax              # INIT to all others
    wrmsr
    mov $0xc4600 + (TRAMPOLINE >> 12), %eax
    wrmsr
    wrmsr                           # the second one finds them running
    mov $2000000000, %ecx
3:  mov ALIVE, %eax
    inc %eax
    cmp %r14d, %eax
    je 4f
    pause
    loop 3b
    mov $12, %eax
    jmp exit
4:  mov %r14d, GO
    jmp work

# Every vCPU: segments, x2APIC, IDT; its number in r15
setup:
    mov $0x18, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $0x1b, %ecx
    rdmsr
    or $0xc00, %eax
    wrmsr
    mov $0x80f, %ecx
    xor %edx, %edx
    mov $0x1ff, %eax
    wrmsr
    mov $0x802, %ecx
    rdmsr
    mov %eax, %r15d
    lidt idt_pointer(%rip)
    ret

ap64:
    mov $0x1b, %ecx
    rdmsr
    or $0xc00, %eax
    wrmsr
    mov $0x802, %ecx
    rdmsr
    inc %eax
    shl $12, %eax
    add $STACKS, %eax
    mov %eax, %esp
    call setup
    lock incl ALIVE
5:  mov GO, %r14d
    pause
    test %r14d, %r14d
    jz 5b

# r14 vCPUs, r15 this one, r13 what the barrier counts to, r12 the pair's memory, rbp the round
work:
    xor %r13d, %r13d
    mov %r15d, %r12d
    shr $1, %r12d
    shl $22, %r12d
    add $DATA, %r12d
    lea tests(%rip), %rbx
next_test:
    mov $ROUNDS, %ebp
next_round:
    cmpq $0, (%rbx)
    je litmus_done
    test $1, %r15d
    jnz 1f
    mov %r12, %rdi                  # the first of a pair clears
    xor %eax, %eax
    mov $0x201008 / 8, %ecx
    rep stosq
1:  call barrier
    mov %r12, %rsi
    mov $N, %ecx
    test $1, %r15d
    jnz 2f
    lea 0x100000(%r12), %rdi
    call *(%rbx)
    jmp 3f
2:  lea 0x180000(%r12), %rdi
    call *8(%rbx)
3:  call barrier
    test $1, %r15d
    jnz 5f
    mov %r12, %rsi
    mov $N, %ecx
4:  mov (%rsi), %eax                # x
    mov 64(%rsi), %edx              # y
    mov %rsi, %rdi
    sub %r12, %rdi
    shr $4, %rdi
    add %r12, %rdi
    mov 0x100000(%rdi), %r8d        # first and second read of the first
    mov 0x100004(%rdi), %r9d
    mov 0x180000(%rdi), %r10d       # and of the second
    mov 0x180004(%rdi), %r11d
    call *16(%rbx)
    add $128, %rsi
    loop 4b
5:  dec %ebp
    jnz next_round
    add $24, %rbx
    jmp next_test

.macro body name, code
\name:
1:  \code
    add $128, %rsi
    add $8, %rdi
    loop 1b
    ret
.endm

body sbf0, "movl $1,(%rsi); mfence; mov 64(%rsi),%eax; mov %eax,(%rdi)"
body sbf1, "movl $1,64(%rsi); mfence; mov (%rsi),%eax; mov %eax,(%rdi)"
body sbx0, "mov $1,%eax; xchg %eax,(%rsi); mov 64(%rsi),%eax; mov %eax,(%rdi)"
body sbx1, "mov $1,%eax; xchg %eax,64(%rsi); mov (%rsi),%eax; mov %eax,(%rdi)"
body mp0, "movl $1,(%rsi); movl $1,64(%rsi)"
body mp1, "mov 64(%rsi),%eax; mov (%rsi),%edx; mov %eax,(%rdi); mov %edx,4(%rdi)"
body lb0, "mov (%rsi),%eax; movl $1,64(%rsi); mov %eax,(%rdi)"
body lb1, "mov 64(%rsi),%eax; movl $1,(%rsi); mov %eax,(%rdi)"
body ww0, "movl $1,(%rsi); movl $2,64(%rsi)"
body ww1, "movl $1,64(%rsi); movl $2,(%rsi)"
body r0, "movl $1,(%rsi); movl $1,64(%rsi)"
body r1, "movl $2,64(%rsi); mfence; mov (%rsi),%eax; mov %eax,(%rdi)"
body s0, "movl $2,(%rsi); movl $1,64(%rsi)"
body s1, "mov 64(%rsi),%eax; movl $1,(%rsi); mov %eax,(%rdi)"
body co0, "movl $1,(%rsi)"
body co1, "mov (%rsi),%eax; mov (%rsi),%edx; mov %eax,(%rdi); mov %edx,4(%rdi)"
body inc0, "lock incl 0x200000(%r12); lock xaddl %eax,0x200040(%r12); movl $1,(%rsi)"

# Both count in both halves of 16 bytes, and in the upper half alone too.
wide:
    push %rbx
    push %rcx
1:  test $SELDOM - 1, %ecx
    jnz 3f
    push %rcx
    mov 0x200080(%r12), %rax
    mov 0x200088(%r12), %rdx
2:  lea 1(%rax), %rbx
    lea 1(%rdx), %rcx
    lock cmpxchg16b 0x200080(%r12)
    jnz 2b
    lock incq 0x200088(%r12)
    pop %rcx
3:  loop 1b
    pop %rcx
    pop %rbx
    ret

# Both add what carries from one side of the boundary to the other; and in an aligned neighbour that overlaps.
split:
    push %rcx
1:  test $SELDOM - 1, %ecx
    jnz 2f
    lock addl $0xffff, 0x2000c6(%r12)
    lock incw 0x2000c4(%r12)
    lock addl $0xffff, 0x2000fe(%r12)
    mov $0xffff, %eax
    lock xadd %eax, 0x200ffe(%r12)
2:  loop 1b
    pop %rcx
    ret

# On this page, for all pairs in common.
own:
    push %rcx
1:  test $RARELY - 1, %ecx
    jnz 2f
    lock addl $0xffff, spot + 6(%rip)
2:  loop 1b
    pop %rcx
    ret
.balign 16
spot:
    .quad 0, 0

# Each access is looked at: a breakpoint on writes elsewhere.
guarded:
    push %rcx
    mov $IDT, %eax
    mov %rax, %dr0
    mov $0xd0401, %eax
    mov %rax, %dr7
1:  test $RARELY - 1, %ecx
    jnz 2f
    lock addl $0xffff, 0x200116(%r12)
2:  loop 1b
    mov $0x400, %eax
    mov %rax, %dr7
    pop %rcx
    ret

check_sb1:
    mov $1, %edx
    jmp check_sb
check_sb2:
    mov $2, %edx
check_sb:
    or %r10d, %r8d
    jz forbidden
    ret
check_mp:
    mov $3, %edx
    cmp $1, %r10d
    jne ok
    test %r11d, %r11d
    jz forbidden
    ret
check_lb:
    mov $4, %edx
    and %r10d, %r8d
    jnz forbidden
    ret
check_ww:
    cmp $1, %eax
    jne ok
    cmp $1, %edx
    mov $5, %edx
    je forbidden
    ret
check_r:
    cmp $2, %edx
    jne ok
    mov $6, %edx
    test %r10d, %r10d
    jz forbidden
    ret
check_s:
    mov $7, %edx
    cmp $1, %r10d
    jne ok
    cmp $2, %eax
    je forbidden
    ret
check_co:
    mov $8, %edx
    cmp $1, %r10d
    jne ok
    test %r11d, %r11d
    jz forbidden
    ret
check_inc:
    mov $9, %edx
    cmpl $2 * N, 0x200000(%r12)
    jne forbidden
ok: ret
check_wide:
    mov $13, %edx
    cmpq $2 * N / SELDOM, 0x200080(%r12)
    jne forbidden
    cmpq $4 * N / SELDOM, 0x200088(%r12)
    jne forbidden
    ret
check_split:
    mov $14, %edx
    mov $2 * N / SELDOM * 0xffff, %eax
    cmp %eax, 0x2000c6(%r12)
    jne forbidden
    cmp %eax, 0x2000fe(%r12)
    jne forbidden
    cmp %eax, 0x200ffe(%r12)
    jne forbidden
    cmpw $2 * N / SELDOM, 0x2000c4(%r12)
    jne forbidden
    ret
check_own:
    mov $15, %edx
    mov $ROUNDS + 1, %eax
    sub %ebp, %eax
    imul %r14d, %eax
    imul $N / RARELY * 0xffff, %eax
    cmp %eax, spot + 6(%rip)
    jne forbidden
    ret
check_guarded:
    mov $16, %edx
    cmpl $2 * N / RARELY * 0xffff, 0x200116(%r12)
    jne forbidden
    ret
forbidden:
    mov %edx, %eax
exit:
    out %al, $0xf4
    cli
    hlt
    jmp exit

barrier:
    add %r14d, %r13d
    lock incl BAR
1:  mov BAR, %eax
    cmp %r13d, %eax
    jge 2f
    pause
    jmp 1b
2:  ret

litmus_done:
    cmp $4, %r14d
    jne shootdown
    # IRIW: vCPUs 0 and 1 write, 2 and 3 read in opposite order; all in the first pair's memory
    mov $ROUNDS, %ebp
1:  test %r15d, %r15d
    jnz 2f
    mov $DATA, %edi
    xor %eax, %eax
    mov $0x201008 / 8, %ecx
    rep stosq
2:  call barrier
    mov $DATA, %esi
    mov $N, %ecx
    mov %r15d, %eax
    and $1, %eax
    shl $19, %eax
    lea DATA + 0x100000(%rax), %rdi
    lea iriw(%rip), %rax
    call *(%rax, %r15, 8)
    call barrier
    test %r15d, %r15d
    jnz 5f
    mov $DATA + 0x100000, %edi
    mov $N, %ecx
    mov $10, %edx
3:  mov $1, %rax                    # read 1, then 0
    cmp %rax, (%rdi)
    jne 4f
    cmp %rax, 0x80000(%rdi)
    je forbidden
4:  add $8, %rdi
    loop 3b
5:  dec %ebp
    jnz 1b

# vCPU 0 turns the page over and tells all others; nobody may see the old one after the last has answered
shootdown:
    call barrier
    test %r15d, %r15d
    jnz observer
    mov $TABLE, %edi
    mov $WINDOW, %esi
    mov $SHOTS, %ebp
1:  lock incl PHASE                 # odd: turning
    movl $0, ACKS
    xorq $0x1000, (%rdi)
    invlpg (%rsi)
    mov $0x830, %ecx
    xor %edx, %edx
    mov $0xc4000 + VECTOR, %eax
    wrmsr
2:  mov ACKS, %eax
    inc %eax
    cmp %r14d, %eax
    je 3f
    pause
    jmp 2b
3:  lock incl PHASE
    mov PHASE, %eax
    shr $1, %eax
    and $1, %eax
    cmp %eax, (%rsi)
    jne stale
    mov $300, %ecx                  # lets the others look
4:  pause
    loop 4b
    dec %ebp
    jnz 1b
    call barrier
    mov $42, %eax
    jmp exit
stale:
    mov $11, %eax
    jmp exit

observer:
    mov $WINDOW, %esi
    sti
1:  mov PHASE, %eax
    mov (%rsi), %ecx
    mov PHASE, %edx
    cmp %eax, %edx
    jne 2f
    test $1, %eax
    jnz 2f
    shr $1, %eax
    and $1, %eax
    cmp %eax, %ecx
    jne stale
2:  cmp $2 * SHOTS, %edx
    jne 1b
    cli
    call barrier
3:  hlt
    jmp 3b

shoot:
    push %rax
    push %rcx
    push %rdx
    invlpg WINDOW
    lock incl ACKS
    mov $0x80b, %ecx
    xor %eax, %eax
    xor %edx, %edx
    wrmsr
    pop %rdx
    pop %rcx
    pop %rax
    iretq

body iriw0, "movl $1,(%rsi)"
body iriw1, "movl $1,64(%rsi)"
body iriw2, "mov (%rsi),%eax; mov 64(%rsi),%edx; mov %eax,(%rdi); mov %edx,4(%rdi)"
body iriw3, "mov 64(%rsi),%eax; mov (%rsi),%edx; mov %eax,(%rdi); mov %edx,4(%rdi)"

.balign 8
tests:
    .quad sbf0, sbf1, check_sb1
    .quad sbx0, sbx1, check_sb2
    .quad mp0, mp1, check_mp
    .quad lb0, lb1, check_lb
    .quad ww0, ww1, check_ww
    .quad r0, r1, check_r
    .quad s0, s1, check_s
    .quad co0, co1, check_co
    .quad inc0, inc0, check_inc
    .quad wide, wide, check_wide
    .quad split, split, check_split
    .quad own, own, check_own
    .quad guarded, guarded, check_guarded
    .quad 0, 0, 0
iriw:
    .quad iriw0, iriw1, iriw2, iriw3
idt_pointer:
    .word VECTOR * 16 + 15
    .quad IDT

.balign 16
trampoline:
.code16
    cli
    xor %ax, %ax
    mov %ax, %ds
    lgdtl TRAMPOLINE + (gdt_pointer - trampoline)
    mov $0x20, %eax
    mov %eax, %cr4
    mov TRAMPOLINE + (cr3_slot - trampoline), %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx
    rdmsr
    or $0x100, %eax
    wrmsr
    mov %cr0, %eax
    and $0x9fffffff, %eax
    or $0x80000001, %eax
    mov %eax, %cr0
    ljmpl $0x10, $ap64
.balign 8
gdt:
    .quad 0, 0, 0x00af9a000000ffff, 0x00cf92000000ffff
gdt_pointer:
    .word 31
    .long TRAMPOLINE + (gdt - trampoline)
    .long 0
cr3_slot:
    .long 0
trampoline_end:
