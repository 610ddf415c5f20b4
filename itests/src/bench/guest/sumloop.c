/*
 * Computes SHA-256 sums of chunks spread over much memory, again and again, and says how long the slowest took.
 *
 *   sumloop MEBIBYTES SECONDS
 *
 * Fills that much memory, notes the sums of some chunks, prints "PHASE control", sums chunks in random order for SECONDS,
 * prints "RESULT control ...", then "PHASE change", goes on until a byte comes on standard input, and prints "RESULT
 * change ...": number of sums, wrong ones, and the 50th, 99th and 99.9th percentile and maximum of their durations in
 * microseconds; and "WORST phase", the ten slowest, as microseconds@milliseconds since the phase began. Exit status 1 if
 * a sum was wrong.
 */
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHUNK 16384
#define CHUNKS 4096
#define SAMPLES (1 << 22)

static const uint32_t k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t ror(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void block(uint32_t h[8], const uint8_t *p) {
  uint32_t w[64], s[8];
  for (int i = 0; i < 16; i++) w[i] = (uint32_t)p[4 * i] << 24 | p[4 * i + 1] << 16 | p[4 * i + 2] << 8 | p[4 * i + 3];
  for (int i = 16; i < 64; i++) {
    uint32_t a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + (ror(a, 7) ^ ror(a, 18) ^ a >> 3) + w[i - 7] + (ror(b, 17) ^ ror(b, 19) ^ b >> 10);
  }
  memcpy(s, h, sizeof s);
  for (int i = 0; i < 64; i++) {
    uint32_t t1 = s[7] + (ror(s[4], 6) ^ ror(s[4], 11) ^ ror(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) + k[i] + w[i];
    uint32_t t2 = (ror(s[0], 2) ^ ror(s[0], 13) ^ ror(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
    memmove(s + 1, s, 7 * sizeof *s);
    s[4] += t1;
    s[0] = t1 + t2;
  }
  for (int i = 0; i < 8; i++) h[i] += s[i];
}

/* FIPS 180-4, for whole blocks: the padding is one more. */
static void sha256(const uint8_t *p, size_t n, uint32_t h[8]) {
  static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint8_t pad[64] = {0x80};
  memcpy(h, start, sizeof start);
  for (size_t i = 0; i < n; i += 64) block(h, p + i);
  for (int i = 0; i < 8; i++) pad[63 - i] = (uint8_t)((uint64_t)n * 8 >> 8 * i);
  block(h, pad);
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000ull + t.tv_nsec / 1000;
}

static uint64_t seed = 88172645463325252ull;
static uint64_t next(void) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  return seed ^= seed << 17;
}

struct sample {
  uint32_t took; /* microseconds */
  uint32_t at;   /* milliseconds since the phase began */
};

static int ascending(const void *a, const void *b) {
  uint32_t x = ((const struct sample *)a)->took, y = ((const struct sample *)b)->took;
  return x < y ? -1 : x > y;
}

static uint8_t *memory;
static size_t stride;
static uint32_t sums[CHUNKS][8];
static struct sample *samples;

static long loop(const char *phase, uint64_t until) {
  long count = 0, wrong = 0;
  struct pollfd in = {0, POLLIN, 0};
  printf("PHASE %s\n", phase);
  fflush(stdout);
  uint64_t began = now();
  while (until ? now() < until : count % 8 || !poll(&in, 1, 0)) {
    uint32_t h[8];
    size_t i = next() % CHUNKS;
    uint64_t before = now();
    sha256(memory + i * stride, CHUNK, h);
    wrong += memcmp(h, sums[i], sizeof h) != 0;
    samples[count++ % SAMPLES] = (struct sample){now() - before, (before - began) / 1000};
  }
  long kept = count < SAMPLES ? count : SAMPLES;
  qsort(samples, kept, sizeof *samples, ascending);
  printf("RESULT %s sums %ld wrong %ld p50 %u p99 %u p99.9 %u max %u\n", phase, count, wrong, samples[kept / 2].took,
         samples[kept * 99 / 100].took, samples[kept * 999 / 1000].took, samples[kept - 1].took);
  printf("WORST %s", phase);
  for (long i = kept - 1; i >= 0 && i >= kept - 10; i--) printf(" %u@%u", samples[i].took, samples[i].at);
  puts("");
  fflush(stdout);
  return wrong;
}

int main(int argc, char **argv) {
  size_t bytes = (size_t)(argc > 1 ? atoi(argv[1]) : 64) << 20;
  uint64_t us = (argc > 2 ? atoi(argv[2]) : 10) * 1000000ull;
  memory = aligned_alloc(4096, bytes);
  samples = calloc(SAMPLES, sizeof *samples);
  stride = (bytes - CHUNK) / CHUNKS & -64ul;
  for (size_t i = 0; i < bytes / 8; i++) ((uint64_t *)memory)[i] = next();
  uint32_t h[8];
  sha256((const uint8_t *)"", 0, h);
  if (h[0] != 0xe3b0c442 || h[7] != 0x7852b855) return puts("SHA-256 is wrong"), 2;
  for (size_t i = 0; i < CHUNKS; i++) sha256(memory + i * stride, CHUNK, sums[i]);
  long wrong = loop("control", now() + us);
  wrong += loop("change", 0);
  return wrong != 0;
}
