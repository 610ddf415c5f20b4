/* Hardware task switches and virtual-8086 mode: each case prints one line to port E9h with what the processor did. 32-bit, no paging, at 8000h. */
typedef unsigned int u32; typedef unsigned short u16; typedef unsigned char u8; typedef unsigned long long u64;
#define A(x) ((u32)(x))
extern char stubs[], t_entry[], t_iret[], t_top[], ring3_call_gate[], ring3_call_tss[], ring3_jmp_gate3[], v86_code[];
enum { MAIN = 0x28, T = 0x30, S = 0x38, GATE = 0x40, LDT = 0x48, NP_CODE = 0x50, RO = 0x58, NP_DATA = 0x60, CONF = 0x68, XO = 0x70, SHORT = 0x78, GATE3 = 0x80, GATE_NP = 0x88, SMALL_SS = 0x90, SS16 = 0x98 };
static u64 gdt[32] __attribute__((aligned(8)));
static u64 idt[256] __attribute__((aligned(8)));
static u64 ldt[4] __attribute__((aligned(8)));
static u32 tm[64 + 2100], tt[64];   /* MAIN has an I/O map and a redirection map */
static u16 ts[32];
static u8 stack_t[512], stack_s[512], stack_0[512];
u32 frame[24];                /* filled by the common handler */
static void out(char c) { __asm__ volatile("outb %%al, $0xe9" : : "a"(c)); }
static void str(const char *s) { while (*s) out(*s++); }
static void hex(u32 v, int digits) { while (digits--) out("0123456789abcdef"[v >> 4 * digits & 15]); }
static void field(const char *n, u32 v, int d) { out(' '); str(n); hex(v, d); }
static u64 desc(u32 base, u32 limit, u32 type, u32 flags) {
  return (u64)(limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)type << 40 | (u64)(limit >> 16 & 15) << 48 | (u64)flags << 52 | (u64)(base >> 24) << 56;
}
static u64 igate(u32 off, u32 sel, u32 type) { return (u64)(off & 0xffff) | (u64)sel << 16 | (u64)type << 40 | (u64)(off >> 16) << 48; }
static void ring0_task(void) {
  for (int i = 0; i < 64; i++) tt[i] = 0;
  tt[0] = 0x5a5a0000; tt[1] = A(stack_0 + 512); tt[2] = 0x10; tt[8] = A(t_entry); tt[9] = 0x202;
  for (int i = 0; i < 8; i++) tt[10 + i] = 0x11110000u * (i + 1) + i;
  tt[14] = A(stack_t + 480); for (int i = 18; i < 24; i++) tt[i] = 0x10; tt[19] = 8; tt[25] = 0x680000;
  *(u32 *)(stack_t + 480) = 0x70707070;
  for (int i = 0; i < 32; i++) ts[i] = 0;
  ts[1] = A(stack_0 + 512); ts[2] = 0x10; ts[7] = A(t_entry); ts[8] = 0x202;
  for (int i = 0; i < 8; i++) ts[9 + i] = 0x1111 * (i + 1);
  ts[13] = A(stack_s + 480); for (int i = 17; i < 21; i++) ts[i] = 0x10; ts[18] = 8; ts[19] = SS16;
  *(u32 *)(stack_s + 480) = 0x71717171;
}
static void ring3_task(void) { for (int i = 18; i < 24; i++) tt[i] = 0x23; tt[19] = 0x1b; tt[9] = 0x202; }
static void reset(void) {
  gdt[1] = desc(0, 0xfffff, 0x9b, 0xc); gdt[2] = desc(0, 0xfffff, 0x93, 0xc); gdt[3] = desc(0, 0xfffff, 0xfb, 0xc); gdt[4] = desc(0, 0xfffff, 0xf3, 0xc);
  gdt[5] = desc(A(tm), 0x68 + 32 + 8192, 0x89, 0); gdt[6] = desc(A(tt), 0x67, 0x89, 0); gdt[7] = desc(A(ts), 0x2b, 0x81, 0);
  gdt[8] = igate(0, T, 0x85); gdt[9] = desc(A(ldt), 0x1f, 0x82, 0);
  gdt[10] = desc(0, 0xfffff, 0x7b, 0xc); gdt[11] = desc(0, 0xfffff, 0xf1, 0xc); gdt[12] = desc(0, 0xfffff, 0x73, 0xc); gdt[13] = desc(0, 0xfffff, 0x9f, 0xc);
  gdt[14] = desc(0, 0xfffff, 0xf9, 0xc); gdt[15] = desc(0, 0xfff, 0xfb, 0x4); gdt[16] = igate(0, T, 0xe5); gdt[17] = igate(0, T, 0x05); gdt[18] = desc(0, 0xfff, 0xf3, 0x4); gdt[19] = desc(0, 0xffff, 0x93, 0);
  ldt[1] = desc(0, 0xfffff, 0xf3, 0xc);
  for (int i = 0; i < 256; i++) idt[i] = igate(A(stubs) + 16 * i, 8, i >= 0x40 || i == 3 || i == 4 ? 0xee : 0x8e);
  struct __attribute__((packed)) { u16 l; u32 b; } g = {sizeof gdt - 1, A(gdt)}, t = {sizeof idt - 1, A(idt)};
  __asm__ volatile("lgdt %0; lidt %1" : : "m"(g), "m"(t));
  u32 zero = 0, dr7 = 0x400;
  __asm__ volatile("push $2; popf; clts; mov %0, %%dr6; mov %0, %%dr0; mov %1, %%dr7; lldt %w0; mov %w2, %%ds; mov %w2, %%es; mov %w0, %%fs; mov %w0, %%gs; mov %0, %%cr4; ltr %w3" : : "r"(zero), "r"(dr7), "r"(0x10), "r"(MAIN));
  for (int i = 0; i < 64 + 2100; i++) tm[i] = 0xffffffff;
  tm[0] = 0x3c3c0000; tm[1] = A(stack_0 + 512); tm[2] = 0x10; tm[24] = 0; tm[25] = (0x68 + 32) << 16; 
  ring0_task();
}
static const char *name; static u32 case_number;
static void run(u32 n);
extern void call_on_main(u32 n);
void report(void) {
  u32 cr0, dr6, dr7; u16 tr, l;
  __asm__ volatile("mov %%cr0, %0; mov %%dr6, %1; mov %%dr7, %2; str %3; sldt %4" : "=r"(cr0), "=r"(dr6), "=r"(dr7), "=r"(tr), "=r"(l));
  str(name); field("v", frame[0], 2); field("e", frame[1], 4); field("ip", frame[2], 8); field("cs", frame[3], 4); field("fl", frame[4], 8);
  field("sp", frame[5], 8); field("ss", frame[6], 4); field("top", frame[7], 8); field("ax", frame[8], 8); field("bx", frame[9], 8); field("bp", frame[10], 8); field("di", frame[11], 8);
  field("ds", frame[12], 4); field("es", frame[13], 4); field("fs", frame[14], 4); field("gs", frame[15], 4);
  field("tr", tr, 4); field("ldt", l, 4); field("cr0", cr0 & 0x1f, 2); field("d6", dr6 & 0xe00f, 4); field("d7", dr7 & 0x3ff, 3);
  field("busy", (u8)(gdt[5] >> 40), 2); hex((u8)(gdt[6] >> 40), 2); hex((u8)(gdt[7] >> 40), 2);
  field("link", tt[0] & 0xffff, 4); hex(ts[0], 4); field("mip", tm[8], 8); field("mfl", tm[9], 8); field("tip", tt[8], 8); field("tfl", tt[9], 8); field("sip", ts[7], 4); field("sfl", ts[8], 4);
  out('\n');
  call_on_main(++case_number);
}
#define ACT(x) __asm__ volatile(x)
#define JMP(s) ACT("ljmp $" #s ", $0; int $0x42")
#define CALL(s) ACT("lcall $" #s ", $0; int $0x42")
static void dpl(int n, u32 d) { gdt[n] = (gdt[n] & ~(3ull << 45)) | (u64)d << 45; }
static void vm(u32 ip, u32 flags, u32 vme) {
  __asm__ volatile("mov %0, %%cr4" : : "r"(vme));
  __asm__ volatile("push $0x1234; push $0x1235; push $0x1236; push $0x1237; push $0x0700; push $0x0e00; push %1; push $0x0800; push %0; iretl" : : "r"(ip - 0x8000), "r"(flags | 0x20002));
}
#define IOPL3 0x3000
#define IF_ 0x200
#define VIF_ 0x80000
#define VIP_ 0x100000
struct vcase { const char *name; u32 off, flags, vme; };
extern const struct vcase vcases[]; extern const u32 vcase_count;
static void run(u32 n) {
  reset();
  u32 i = 0;
#define CASE(nm) name = nm; if (n == i++)
  CASE("jmp to a 32-bit task") { JMP(0x30); }
  CASE("call a 32-bit task") { CALL(0x30); }
  CASE("jmp to a gate") { JMP(0x40); }
  CASE("call a gate") { CALL(0x40); }
  CASE("jmp to a 16-bit task") { JMP(0x38); }
  CASE("call a 16-bit task") { CALL(0x38); }
  CASE("call and iret, 32 bits") { tt[8] = A(t_iret); CALL(0x30); }
  CASE("call and iret, 16 bits") { ts[7] = A(t_iret); CALL(0x38); }
  CASE("int through a gate and iret") { idt[0x50] = igate(0, T, 0xe5); tt[8] = A(t_iret); ACT("int $0x50; int $0x42"); }
  CASE("int through a gate") { idt[0x50] = igate(0, T, 0xe5); ACT("std; int $0x50; int $0x42"); }
  CASE("int through an absent gate") { idt[0x50] = igate(0, T, 0x65); ACT("int $0x50; int $0x42"); }
  CASE("int through a gate to a busy task") { idt[0x50] = igate(0, MAIN, 0xe5); ACT("int $0x50; int $0x42"); }
  CASE("int through a gate to the LDT") { idt[0x50] = igate(0, T | 4, 0xe5); ACT("int $0x50; int $0x42"); }
  CASE("int through a gate beyond the GDT") { idt[0x50] = igate(0, 0x1000, 0xe5); ACT("int $0x50; int $0x42"); }
  CASE("error code to a 32-bit task") { idt[13] = igate(0, T, 0x85); ACT("mov $0x58, %ax; mov %ax, %ss; int $0x42"); }
  CASE("error code to a 16-bit task") { idt[13] = igate(0, S, 0x85); ACT("mov $0x58, %ax; mov %ax, %ss; int $0x42"); }
  CASE("undefined opcode to a task") { idt[6] = igate(0, T, 0x85); ACT("ud2; int $0x42"); }
  CASE("gp to a busy task makes a double fault") { idt[13] = igate(0, MAIN, 0x85); ACT("mov $0x58, %ax; mov %ax, %ss; int $0x42"); }
  CASE("debug trap bit") { tt[25] |= 1; JMP(0x30); }
  CASE("debug trap bit by call") { tt[25] |= 1; CALL(0x30); }
  CASE("local breakpoints go") { u32 d = 0x4ff; __asm__ volatile("mov %0, %%dr7" : : "r"(d)); JMP(0x30); }
  CASE("jmp to a busy task") { gdt[6] |= 2ull << 40; JMP(0x30); }
  CASE("jmp to the task itself") { JMP(0x28); }
  CASE("jmp to an absent task") { gdt[6] &= ~(0x80ull << 40); JMP(0x30); }
  CASE("jmp to a short 32-bit task") { gdt[6] = desc(A(tt), 0x66, 0x89, 0); JMP(0x30); }
  CASE("jmp to a short 16-bit task") { gdt[7] = desc(A(ts), 0x2a, 0x81, 0); JMP(0x38); }
  CASE("jmp to an absent gate") { JMP(0x88); }
  CASE("gate to a busy task") { gdt[6] |= 2ull << 40; JMP(0x40); }
  CASE("gate to an absent task") { gdt[6] &= ~(0x80ull << 40); JMP(0x40); }
  CASE("gate to a segment") { gdt[8] = igate(0, 8, 0x85); JMP(0x40); }
  CASE("gate to null") { gdt[8] = igate(0, 0, 0x85); JMP(0x40); }
  CASE("old task too short") { gdt[5] = desc(A(tm), 0x50, 0x89, 0); __asm__ volatile("ltr %w0" : : "r"(MAIN)); JMP(0x30); }
#define RING3(l) ACT("push $0x23; push $stack3 + 500; push $2; push $0x1b; push $" #l "; iretl")
  CASE("call a gate of ring 0 from ring 3") { RING3(ring3_call_gate); }
  CASE("call a task of ring 0 from ring 3") { RING3(ring3_call_tss); }
  CASE("call a gate of ring 3 from ring 3") { RING3(ring3_jmp_gate3); }
  CASE("call a task of ring 3 from ring 3") { dpl(6, 3); RING3(ring3_call_tss); }
#define NT(l) tm[0] = l; ACT("push $0x4002; popf; push $2; push $8; push $0x1234; iretl; int $0x42")
  CASE("iret to a null link") { NT(0); }
  CASE("iret to a task not busy") { NT(T); }
  CASE("iret to the LDT") { gdt[6] |= 2ull << 40; NT(T | 4); }
  CASE("iret beyond the GDT") { NT(0x1000); }
  CASE("iret to an absent task") { gdt[6] |= 2ull << 40; gdt[6] &= ~(0x80ull << 40); NT(T); }
  CASE("iret to a short task") { gdt[6] = desc(A(tt), 0x60, 0x8b, 0); NT(T); }
  CASE("iret to a task") { gdt[6] |= 2ull << 40; NT(T); }
  CASE("iret to a 16-bit task") { gdt[7] |= 2ull << 40; NT(S); }
  CASE("ring 3 task") { ring3_task(); JMP(0x30); }
  CASE("ring 3 task by call") { ring3_task(); CALL(0x30); }
#define BAD(nm, what) CASE(nm) { ring3_task(); what; JMP(0x30); }
#define BADC(nm, what) CASE(nm) { ring3_task(); what; CALL(0x30); }
  BAD("cs null", tt[19] = 3) BAD("cs data", tt[19] = 0x23) BAD("cs of ring 0 with rpl 3", tt[19] = 0xb) BAD("cs absent", tt[19] = NP_CODE | 3) BAD("cs beyond", tt[19] = 0x1003)
  BAD("cs conforming", tt[19] = CONF | 3) BAD("cs system", tt[19] = LDT | 3) BAD("ip beyond the limit", tt[19] = SHORT | 3) BADC("cs beyond by call", tt[19] = 0x1003)
  BAD("ss null", tt[20] = 0) BAD("ss read only", tt[20] = RO | 3) BAD("ss absent", tt[20] = NP_DATA | 3) BAD("ss dpl", tt[20] = 0x13) BAD("ss rpl", tt[20] = 0x20) BAD("ss code", tt[20] = 0x1b) BAD("ss beyond", tt[20] = 0x1003)
  BAD("ds execute only", tt[21] = XO | 3) BAD("ds dpl", tt[21] = 0x13) BAD("ds absent", tt[21] = NP_DATA | 3) BAD("ds beyond", tt[21] = 0x1003) BAD("ds system", tt[21] = T) BAD("ds null", tt[21] = 0)
  BAD("ds conforming", tt[21] = CONF) BAD("ds readable code", tt[21] = 0x1b) BAD("es dpl", tt[18] = 0x13) BAD("fs absent", tt[22] = NP_DATA | 3) BAD("gs beyond", tt[23] = 0x1003)
  BAD("ldt", (tt[24] = LDT, tt[21] = 0xf)) BAD("ldt in the ldt", tt[24] = LDT | 4) BAD("ldt a tss", tt[24] = T) BAD("ldt absent", (tt[24] = LDT, gdt[9] &= ~(0x80ull << 40))) BAD("ldt beyond", tt[24] = 0x1000)
  BAD("ds in no ldt", tt[21] = 0xf) BAD("ds beyond the ldt", (tt[24] = LDT, tt[21] = 0x27))
  CASE("error code on a stack too small") { ring3_task(); tt[20] = SMALL_SS | 3; idt[13] = igate(0, T, 0x85); ACT("mov $0x58, %ax; mov %ax, %ss; int $0x42"); }
  CASE("v86 task") { tt[9] = 0x23202; tt[18] = 0x111; tt[19] = 0x800; tt[20] = 0x700; tt[21] = 0x222; tt[22] = 0x333; tt[23] = 0x444; tt[14] = 0xe00; tt[8] = A(v86_code) - 0x8000; JMP(0x30); }
  CASE("v86 task, nested, and iret") { tt[9] = 0x23202; tt[19] = 0x800; tt[20] = 0x700; tt[14] = 0xe00; tt[8] = A(v86_code) - 0x8000; CALL(0x30); }
  for (u32 k = 0; k < vcase_count; k++) {
    const struct vcase *c = vcases + k;
    CASE(c->name) {
      *(u16 *)0x7df8 = 0x0; *(u16 *)0x7dfa = 0; *(u32 *)(0x7000 + 0xe00) = 0; 
      u16 *stk = (u16 *)(0x7000 + 0xe00); for (int q = 0; q < 8; q++) stk[q] = 0x5550 + q;
      *(u32 *)(0x21 * 4) = 0x08000000 | (A(v86_code) - 0x8000);     /* IVT entry 21h */
      tm[26 + 1] = 0xfffffffd;                                     /* redirection map: 21h goes to the IVT */
      ((u8 *)tm)[0x68 + 32 + 0x10] = 0;                              /* ports 80h to 87h allowed */
      vm(c->off, c->flags, c->vme);
    }
  }
  str("end\n");
  __asm__ volatile("mov $0x8900, %%dx; mov $'S', %%al; out %%al, %%dx; mov $0x10, %%al; out %%al, $0xf4; 1: hlt; jmp 1b" : : : "eax", "edx");
}
void start32(void) { run(case_number = 0); }
void run_case(u32 n) { run(n); }
