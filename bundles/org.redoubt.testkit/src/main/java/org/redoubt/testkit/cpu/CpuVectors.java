package org.redoubt.testkit.cpu;

import org.redoubt.spec.x86.Vector;

/** What {@link CpuEngineContract} runs, and what a processor left of it. */
final class CpuVectors {
  private CpuVectors() {}

  /** A program for 64-bit mode, HLT not included, and registers and flags behind it. */
  record Row(String program, String hex, long rax, long rbx, long rdx, int flags, int defined) {}

  /** SOURCE: executed by an x86-64 processor; undefined flags are left out of {@code defined}. */
  static final Row[] ROWS = {
    new Row(
        "mov eax,0x7fffffff; add eax,1", "b8ffffff7f83c001", 0x80000000L, 0x0L, 0x0L, 0x894, 0x8d5),
    new Row("stc; mov al,0xff; adc al,0", "f9b0ff1400", 0x0L, 0x0L, 0x0L, 0x55, 0x8d5),
    new Row("mov eax,3; sub eax,5", "b80300000083e805", 0xfffffffeL, 0x0L, 0x0L, 0x91, 0x8d5),
    new Row(
        "stc; mov rax,0; sbb rax,0",
        "f948c7c0000000004883d800",
        0xffffffffffffffffL,
        0x0L,
        0x0L,
        0x95,
        0x8d5),
    new Row("mov ax,0x8000; cmp ax,1", "66b800806683f801", 0x8000L, 0x0L, 0x0L, 0x814, 0x8d5),
    new Row("stc; mov al,0x7f; inc al", "f9b07ffec0", 0x80L, 0x0L, 0x0L, 0x891, 0x8d5),
    new Row("mov eax,1; dec eax", "b801000000ffc8", 0x0L, 0x0L, 0x0L, 0x44, 0x8d5),
    new Row(
        "mov rax,1; neg rax", "48c7c00100000048f7d8", 0xffffffffffffffffL, 0x0L, 0x0L, 0x95, 0x8d5),
    new Row("mov eax,0xf0; and eax,0x0f", "b8f000000083e00f", 0x0L, 0x0L, 0x0L, 0x44, 0x8c5),
    new Row("mov eax,0x1234; xor al,0xb6", "b83412000034b6", 0x1282L, 0x0L, 0x0L, 0x84, 0x8c5),
    new Row(
        "mov eax,0x80000000; mov ebx,2; mul ebx",
        "b800000080bb02000000f7e3",
        0x0L,
        0x2L,
        0x1L,
        0x801,
        0x801),
    new Row("mov eax,-3; imul eax,eax,5", "b8fdffffff6bc005", 0xfffffff1L, 0x0L, 0x0L, 0x0, 0x801),
    new Row(
        "mov edx,1; mov eax,2; mov ebx,3; div ebx",
        "ba01000000b802000000bb03000000f7f3",
        0x55555556L,
        0x3L,
        0x0L,
        0x0,
        0x0),
    new Row(
        "mov rax,-7; cqo; mov rbx,2; idiv rbx",
        "48c7c0f9ffffff489948c7c30200000048f7fb",
        0xfffffffffffffffdL,
        0x2L,
        0xffffffffffffffffL,
        0x0,
        0x0),
    new Row(
        "mov eax,0xc0000001; shl eax,1", "b8010000c0d1e0", 0x80000002L, 0x0L, 0x0L, 0x81, 0x8c5),
    new Row(
        "mov eax,0x80000003; sar eax,1", "b803000080d1f8", 0xc0000001L, 0x0L, 0x0L, 0x81, 0x8c5),
    new Row("mov eax,0x80000001; rol eax,1", "b801000080d1c0", 0x3L, 0x0L, 0x0L, 0x801, 0x8d5),
    new Row("stc; mov eax,2; rcr eax,1", "f9b802000000d1d8", 0x80000001L, 0x0L, 0x0L, 0x800, 0x8d5),
    new Row(
        "mov eax,0x12345678; mov ebx,0x9abcdef0; shld eax,ebx,8",
        "b878563412bbf0debc9a0fa4d808",
        0x3456789aL,
        0x9abcdef0L,
        0x0L,
        0x4,
        0xc5),
    new Row("mov ebx,0x100; bsf eax,ebx", "bb000100000fbcc3", 0x8L, 0x100L, 0x0L, 0x0, 0x40),
    new Row(
        "mov rbx,0x0000800000000000; bsr rax,rbx",
        "48bb0000000000800000480fbdc3",
        0x2fL,
        0x800000000000L,
        0x0L,
        0x0,
        0x40),
    new Row("mov eax,8; bt eax,3", "b8080000000fbae003", 0x8L, 0x0L, 0x0L, 0x1, 0x41),
    new Row("mov eax,0; bts eax,31", "b8000000000fbae81f", 0x80000000L, 0x0L, 0x0L, 0x0, 0x41),
    new Row(
        "mov rax,-1; mov bl,0x80; movzx eax,bl",
        "48c7c0ffffffffb3800fb6c3",
        0x80L,
        0x80L,
        0x0L,
        0x0,
        0x8d5),
    new Row(
        "mov bl,0x80; movsx rax,bl", "b380480fbec3", 0xffffffffffffff80L, 0x80L, 0x0L, 0x0, 0x8d5),
    new Row(
        "mov ebx,0x80000000; movsxd rax,ebx",
        "bb000000804863c3",
        0xffffffff80000000L,
        0x80000000L,
        0x0L,
        0x0,
        0x8d5),
    new Row(
        "mov rax,-1; mov ecx,eax; mov eax,0",
        "48c7c0ffffffff89c1b800000000",
        0x0L,
        0x0L,
        0x0L,
        0x0,
        0x8d5),
    new Row(
        "mov rax,-1; mov ah,0x12",
        "48c7c0ffffffffb412",
        0xffffffffffff12ffL,
        0x0L,
        0x0L,
        0x0,
        0x8d5),
    new Row(
        "mov rbx,0x1000; mov rcx,3; lea rax,[rbx+rcx*8+5]",
        "48c7c30010000048c7c103000000488d44cb05",
        0x101dL,
        0x1000L,
        0x0L,
        0x0,
        0x8d5),
    new Row(
        "mov rax,1; mov rbx,2; xchg rax,rbx",
        "48c7c00100000048c7c3020000004893",
        0x2L,
        0x1L,
        0x0L,
        0x0,
        0x8d5),
    new Row(
        "mov rax,5; mov rbx,7; xadd rbx,rax",
        "48c7c00500000048c7c307000000480fc1c3",
        0x7L,
        0xcL,
        0x0L,
        0x4,
        0x8d5),
    new Row(
        "mov rax,5; mov rbx,5; mov rcx,9; cmpxchg rbx,rcx",
        "48c7c00500000048c7c30500000048c7c109000000480fb1cb",
        0x5L,
        0x9L,
        0x0L,
        0x44,
        0x8d5),
    new Row(
        "mov rax,0x1122334455667788; bswap rax",
        "48b88877665544332211480fc8",
        0x8877665544332211L,
        0x0L,
        0x0L,
        0x0,
        0x8d5),
    new Row(
        "mov eax,1; cmp eax,2; mov eax,0; setl al",
        "b80100000083f802b8000000000f9cc0",
        0x1L,
        0x0L,
        0x0L,
        0x95,
        0x8d5),
    new Row(
        "mov eax,1; mov ebx,7; test eax,eax; cmovnz eax,ebx",
        "b801000000bb0700000085c00f45c3",
        0x7L,
        0x7L,
        0x0L,
        0x0,
        0x8c5),
    new Row(
        "mov ecx,0; mov eax,1; jrcxz 1f; mov eax,2; 1: nop",
        "b900000000b801000000e305b80200000090",
        0x1L,
        0x0L,
        0x0L,
        0x0,
        0x8d5),
    new Row(
        "mov ecx,10; mov eax,0; 1: add eax,ecx; loop 1b",
        "b90a000000b80000000001c8e2fc",
        0x37L,
        0x0L,
        0x0L,
        0x0,
        0x8d5),
    new Row(
        "call 1f; jmp 2f; 1: mov eax,9; ret; 2: nop",
        "e802000000eb06b809000000c390",
        0x9L,
        0x0L,
        0x0L,
        0x0,
        0x8d5),
    new Row("push 0x1234; pop rax", "683412000058", 0x1234L, 0x0L, 0x0L, 0x0, 0x8d5),
    new Row("stc; pushfq; pop rax; and eax,1", "f99c5883e001", 0x1L, 0x0L, 0x0L, 0x0, 0x8c5),
    new Row(
        "enter 32,0; mov rax,rbp; leave; sub rax,rsp",
        "c82000004889e8c94829e0",
        0xfffffffffffffff8L,
        0x0L,
        0x0L,
        0x0,
        0x0),
    new Row(
        "mov eax,3; cvtsi2sd xmm0,eax; addsd xmm0,xmm0; cvttsd2si rax,xmm0",
        "b803000000f20f2ac0f20f58c0f2480f2cc0",
        0x6L,
        0x0L,
        0x0L,
        0x0,
        0x8d5),
    new Row(
        "mov rax,0x0000000700000005; movq xmm0,rax; paddd xmm0,xmm0; movq rax,xmm0",
        "48b8050000000700000066480f6ec0660ffec066480f7ec0",
        0xe0000000aL,
        0x0L,
        0x0L,
        0x0,
        0x8d5),
    new Row(
        "mov rax,0x80ff000080000000; movq xmm0,rax; mov eax,0; pmovmskb eax,xmm0",
        "48b8000000800000ff8066480f6ec0b800000000660fd7c0",
        0xc8L,
        0x0L,
        0x0L,
        0x0,
        0x8d5),
    new Row(
        "fninit; fld1; fld1; faddp; push 0; fistp qword ptr [rsp]; pop rax",
        "dbe3d9e8d9e8dec16a00df3c2458",
        0x2L,
        0x0L,
        0x0L,
        0x0,
        0x8d5),
  };

  /** A program that moves or compares strings, and its registers afterwards. */
  record Strings(String program, String hex, long rsi, long rdi, long rcx) {}

  static final Strings[] STRINGS = {
    new Strings(
        "rep movsb over three pages",
        "48c7c60010300048c7c7f02f3000b900100000fcf3a4f4",
        0x30_2000,
        0x30_3ff0,
        0),
    new Strings(
        "rep movsb onto itself",
        "48c7c60010300048c7c701103000b964000000fcf3a4f4",
        0x30_1064,
        0x30_1065,
        0),
    new Strings(
        "rep movsq, down",
        "48c7c6f81f300048c7c7f82f3000b900020000fdf348a5f4",
        0x30_0ff8,
        0x30_1ff8,
        0),
    new Strings(
        "rep stosq", "48c7c70820300048b80807060504030201b9e8030000fcf348abf4", 0, 0x30_3f48, 0),
    new Strings("repne scasb", "48c7c700103000b07fb964000000fcf2aef4", 0, 0x30_1080 - 0x1c, 0),
    new Strings(
        "repe cmpsb", "48c7c60010300048c7c700203000b940000000fcf3a6f4", 0x30_1001, 0x30_2001, 0x3f),
  };

  /**
   * An instruction that faults, or is a trap: where RIP then points, from its start; -1 where CR2
   * does.
   */
  record Fault(String what, String hex, int cpl, int vector, long error, long cr2, int at) {}

  static final int NO_ERROR = -1;
  private static final int NO_CR2 = 0;

  static final Fault[] FAULTS = {
    new Fault("write, not present", "89042508f03f00", 0, Vector.PF, 2, 0x3f_f008, 0),
    new Fault("read, not present", "8b042510f03f00", 0, Vector.PF, 0, 0x3f_f010, 0),
    new Fault("write, read-only", "c7042500e03f0001000000", 0, Vector.PF, 3, 0x3f_e000, 0),
    new Fault("fetch, not present", "b800f03f00ffe0", 0, Vector.PF, 0x10, 0x3f_f000, -1),
    new Fault("fetch, no-execute", "b800d03f00ffe0", 0, Vector.PF, 0x11, 0x3f_d000, -1),
    new Fault("user's read of a supervisor's", "8b042500c03f00", 3, Vector.PF, 5, 0x3f_c000, 0),
    new Fault("UD2", "0f0b", 0, Vector.UD, NO_ERROR, NO_CR2, 0),
    new Fault("DIV by 0", "31c9f7f1", 0, Vector.DE, NO_ERROR, NO_CR2, 2),
    new Fault("INT3", "cc", 0, Vector.BP, NO_ERROR, NO_CR2, 1),
    new Fault("INT 80h", "cd80", 0, 0x80, NO_ERROR, NO_CR2, 2),
    new Fault("selector past the GDT", "b8500000008ed8", 0, Vector.GP, 0x50, NO_CR2, 5),
    new Fault("not canonical", "48b800000000000000808b00", 0, Vector.GP, 0, NO_CR2, 10),
    new Fault("WRMSR of none", "b9785634120f30", 0, Vector.GP, 0, NO_CR2, 5),
    new Fault("HLT by a user", "f4", 3, Vector.GP, 0, NO_CR2, 0),
  };
}
