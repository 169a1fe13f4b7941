/* SHA-256 (FIPS 180-4) of one message in memory, and the tree of RFC 6962 over the slots of a
 * segment.
 *
 * For the thread that finishes segments beside the engine: no lock of an interpreter is taken. The
 * processor's own instructions are found at run time (no -march): 0.04 us a slot with them, 0.2
 * without. No allocation, no state; any thread.
 */
#ifndef TECTRA_SHA256_H
#define TECTRA_SHA256_H

#include "base.h"

#include <string.h>

#if TT_X86
#include <cpuid.h>
#include <immintrin.h>
#define TT_SHA256_NI __attribute__((target("sha,sse4.1,ssse3")))
#endif

#define TT_SHA256_BYTES 32u
#define TT_SHA256_BLOCK 64u
#define TT_MERKLE_BLOCK 4096u /* bytes of slots under one leaf */

/* Fractional parts of the cube roots of the first 64 primes. */
static const uint32_t tt_sha256_k_[64] = {
    0x428a2f98u, 0x71374491u, 0xb5c0fbcfu, 0xe9b5dba5u, 0x3956c25bu, 0x59f111f1u, 0x923f82a4u,
    0xab1c5ed5u, 0xd807aa98u, 0x12835b01u, 0x243185beu, 0x550c7dc3u, 0x72be5d74u, 0x80deb1feu,
    0x9bdc06a7u, 0xc19bf174u, 0xe49b69c1u, 0xefbe4786u, 0x0fc19dc6u, 0x240ca1ccu, 0x2de92c6fu,
    0x4a7484aau, 0x5cb0a9dcu, 0x76f988dau, 0x983e5152u, 0xa831c66du, 0xb00327c8u, 0xbf597fc7u,
    0xc6e00bf3u, 0xd5a79147u, 0x06ca6351u, 0x14292967u, 0x27b70a85u, 0x2e1b2138u, 0x4d2c6dfcu,
    0x53380d13u, 0x650a7354u, 0x766a0abbu, 0x81c2c92eu, 0x92722c85u, 0xa2bfe8a1u, 0xa81a664bu,
    0xc24b8b70u, 0xc76c51a3u, 0xd192e819u, 0xd6990624u, 0xf40e3585u, 0x106aa070u, 0x19a4c116u,
    0x1e376c08u, 0x2748774cu, 0x34b0bcb5u, 0x391c0cb3u, 0x4ed8aa4au, 0x5b9cca4fu, 0x682e6ff3u,
    0x748f82eeu, 0x78a5636fu, 0x84c87814u, 0x8cc70208u, 0x90befffau, 0xa4506cebu, 0xbef9a3f7u,
    0xc67178f2u};

typedef struct {
    uint32_t h[8];
    int fast; /* the processor has the instructions */
} tt_sha256;

static inline uint32_t tt_sha256_turn_(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static inline uint32_t tt_sha256_word_(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void tt_sha256_plain_(uint32_t h[8], const uint8_t *data, uint64_t blocks)
{
    uint32_t w[64], s[8];
    for (; blocks > 0; blocks--, data += TT_SHA256_BLOCK) {
        for (int i = 0; i < 16; i++)
            w[i] = tt_sha256_word_(data + 4 * i);
        for (int i = 16; i < 64; i++) {
            const uint32_t a = w[i - 15], b = w[i - 2];
            w[i] = w[i - 16] + w[i - 7]
                   + (tt_sha256_turn_(a, 7) ^ tt_sha256_turn_(a, 18) ^ a >> 3)
                   + (tt_sha256_turn_(b, 17) ^ tt_sha256_turn_(b, 19) ^ b >> 10);
        }
        memcpy(s, h, sizeof(s));
        for (int i = 0; i < 64; i++) {
            const uint32_t e = s[4], a = s[0];
            const uint32_t one
                = s[7] + (tt_sha256_turn_(e, 6) ^ tt_sha256_turn_(e, 11) ^ tt_sha256_turn_(e, 25))
                  + ((e & s[5]) ^ (~e & s[6])) + tt_sha256_k_[i] + w[i];
            const uint32_t two
                = (tt_sha256_turn_(a, 2) ^ tt_sha256_turn_(a, 13) ^ tt_sha256_turn_(a, 22))
                  + ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
            memmove(s + 1, s, 7 * sizeof(*s));
            s[4] += one;
            s[0] = one + two;
        }
        for (int i = 0; i < 8; i++)
            h[i] += s[i];
    }
}

#if TT_X86
/* The instructions keep the state as ABEF and CDGH and do two rounds each; the four words behind
 * `m` follow from the sixteen before. */
TT_SHA256_NI static inline void tt_sha256_ni_(uint32_t h[8], const uint8_t *data, uint64_t blocks)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bll, 0x0405060700010203ll);
    const __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)h), 0xb1);
    const __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(h + 4)), 0x1b);
    __m128i abef = _mm_alignr_epi8(low, high, 8);
    __m128i cdgh = _mm_blend_epi16(high, low, 0xf0);
    for (; blocks > 0; blocks--, data += TT_SHA256_BLOCK) {
        const __m128i abef0 = abef, cdgh0 = cdgh;
        __m128i m[4];
        for (int i = 0; i < 4; i++)
            m[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)data + i), swap);
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            const __m128i last = m[(i + 3) & 3];
            __m128i k = _mm_loadu_si128((const __m128i *)(tt_sha256_k_ + 4 * i));
            k = _mm_add_epi32(k, m[i & 3]);
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, k);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(k, 0x0e));
            if (i < 12) {
                __m128i next = _mm_sha256msg1_epu32(m[i & 3], m[(i + 1) & 3]);
                next = _mm_add_epi32(next, _mm_alignr_epi8(last, m[(i + 2) & 3], 4));
                m[i & 3] = _mm_sha256msg2_epu32(next, last);
            }
        }
        abef = _mm_add_epi32(abef, abef0);
        cdgh = _mm_add_epi32(cdgh, cdgh0);
    }
    const __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
    const __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)h, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(h + 4), _mm_alignr_epi8(dchg, feba, 8));
}
#endif

static inline int tt_sha256_has_ni(void)
{
#if TT_X86
    unsigned a, b, c, d;
    return __builtin_cpu_supports("sse4.1") && __get_cpuid_count(7, 0, &a, &b, &c, &d)
           && (b >> 29 & 1);
#else
    return 0;
#endif
}

static inline void tt_sha256_blocks_(tt_sha256 *s, const uint8_t *data, uint64_t blocks)
{
#if TT_X86
    if (s->fast) {
        tt_sha256_ni_(s->h, data, blocks);
        return;
    }
#endif
    tt_sha256_plain_(s->h, data, blocks);
}

/* Sum of one byte and `n` bytes behind it; `fast` as tt_sha256_has_ni says. */
static inline void tt_sha256_tagged(uint8_t tag, const uint8_t *data, uint64_t n, int fast,
                                    uint8_t out[TT_SHA256_BYTES])
{
    tt_sha256 s = {.h = {0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au, 0x510e527fu,
                         0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u},
                   .fast = fast};
    uint8_t edge[2 * TT_SHA256_BLOCK] = {tag};
    const uint64_t head = n < TT_SHA256_BLOCK - 1 ? n : TT_SHA256_BLOCK - 1;
    const uint64_t whole = (n - head) / TT_SHA256_BLOCK, rest = (n - head) % TT_SHA256_BLOCK;
    if (n > 0)
        memcpy(edge + 1, data, head);
    uint64_t used = head + 1;
    if (head == TT_SHA256_BLOCK - 1) {
        tt_sha256_blocks_(&s, edge, 1);
        tt_sha256_blocks_(&s, data + head, whole);
        memset(edge, 0, sizeof(edge));
        memcpy(edge, data + head + whole * TT_SHA256_BLOCK, rest);
        used = rest;
    }
    const uint64_t blocks = used + 9 > TT_SHA256_BLOCK ? 2 : 1, bits = (n + 1) * 8;
    edge[used] = 0x80;
    for (int i = 0; i < 8; i++)
        edge[blocks * TT_SHA256_BLOCK - 1 - i] = (uint8_t)(bits >> 8 * i);
    tt_sha256_blocks_(&s, edge, blocks);
    for (int i = 0; i < 8; i++)
        for (int b = 0; b < 4; b++)
            out[4 * i + b] = (uint8_t)(s.h[i] >> (24 - 8 * b));
}

/* Leaves under the root of a segment with this many slots. */
static inline uint64_t tt_merkle_leaves(uint64_t slots)
{
    return (slots * 64 + TT_MERKLE_BLOCK - 1) / TT_MERKLE_BLOCK;
}

/* Root of the tree over at least one slot. `level` has room for 32 bytes a leaf and is used up; a
 * lone last node moves up, as RFC 6962 has it. */
static inline void tt_merkle_root(const uint8_t *slots, uint64_t n, uint8_t *level,
                                  uint8_t root[TT_SHA256_BYTES])
{
    const int fast = tt_sha256_has_ni();
    uint64_t count = tt_merkle_leaves(n);
    TT_ASSERT(n > 0);
    for (uint64_t k = 0; k < count; k++) {
        const uint64_t at = k * TT_MERKLE_BLOCK, left = n * 64 - at;
        tt_sha256_tagged(0, slots + at, left < TT_MERKLE_BLOCK ? left : TT_MERKLE_BLOCK, fast,
                         level + k * TT_SHA256_BYTES);
    }
    while (count > 1) {
        for (uint64_t k = 0; k + 1 < count; k += 2)
            tt_sha256_tagged(1, level + k * TT_SHA256_BYTES, (uint64_t)2 * TT_SHA256_BYTES, fast,
                             level + k / 2 * TT_SHA256_BYTES);
        if (count & 1)
            memmove(level + count / 2 * TT_SHA256_BYTES, level + (count - 1) * TT_SHA256_BYTES,
                    TT_SHA256_BYTES);
        count = (count + 1) / 2;
    }
    memcpy(root, level, TT_SHA256_BYTES);
}

#endif
