/* Running 128-bit digest over records, to say that two streams are equal, byte for byte, in order.
 *
 * An equality digest: two different streams share a value by accident with odds of about 2^-128,
 * were the mixing ideal. It is not tamper evidence: who wants to can construct a collision, since
 * the constants are public and multiply-fold is no cryptographic hash.
 *
 * Nothing is excluded: a record's bytes go in as they are, header, ring_seq and padding included.
 * The unit is the 64-byte slot, so a stream has one value however it was cut into calls.
 * Single owner; cost about 3 ns a slot.
 *
 * One slot, words w0..w7:
 *   P_i = (w_2i ^ K_2i) * (w_2i+1 ^ K_2i+1)   128 bits, so one changed word always changes (x, y)
 *   x, y = low and high halves of the four products, rotated against each other and added
 *   a, b = (a ^ x) * (b ^ y) plus the old state turned: the chain that makes order count
 */
#ifndef TECTRA_DIGEST_H
#define TECTRA_DIGEST_H

#include <string.h>

#include "base.h"
#include "msg.h"

#define TT_DIGEST_HEX_BYTES 33 /* 32 digits and the terminator */

typedef struct {
    uint64_t a, b;
    uint64_t count; /* slots */
} tt_digest;
_Static_assert(sizeof(tt_digest) == 24, "tt_digest: size");

/* Fractional parts of the square roots of the primes 2..29: numbers nobody chose. */
#define TT_DIGEST_K0 0x6a09e667f3bcc908ull
#define TT_DIGEST_K1 0xbb67ae8584caa73bull
#define TT_DIGEST_K2 0x3c6ef372fe94f82bull
#define TT_DIGEST_K3 0xa54ff53a5f1d36f1ull
#define TT_DIGEST_K4 0x510e527fade682d1ull
#define TT_DIGEST_K5 0x9b05688c2b3e6c1full
#define TT_DIGEST_K6 0x1f83d9abfb41bd6bull
#define TT_DIGEST_K7 0x5be0cd19137e2179ull
#define TT_DIGEST_K8 0xcbbb9d5dc1059ed8ull
#define TT_DIGEST_K9 0x629a292a367cd507ull

static inline uint64_t tt_digest_rotl(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static inline void tt_digest_init(tt_digest *d)
{
    d->a = TT_DIGEST_K8;
    d->b = TT_DIGEST_K9;
    d->count = 0;
}

/* The chain step: two words in, state forward. */
static inline void tt_digest_chain(uint64_t *a, uint64_t *b, uint64_t x, uint64_t y)
{
    const unsigned __int128 p = (unsigned __int128)(*a ^ x) * (*b ^ y);
    const uint64_t old_a = *a;
    *a = (uint64_t)p + tt_digest_rotl(*b, 23) + y;
    *b = (uint64_t)(p >> 64) + tt_digest_rotl(old_a, 41) + x;
}

/* One 64-byte slot. Any alignment. */
static inline void tt_digest_slot(tt_digest *d, const void *slot)
{
    uint64_t w[8];
    memcpy(w, slot, sizeof(w));
    const unsigned __int128 p0 = (unsigned __int128)(w[0] ^ TT_DIGEST_K0) * (w[1] ^ TT_DIGEST_K1);
    const unsigned __int128 p1 = (unsigned __int128)(w[2] ^ TT_DIGEST_K2) * (w[3] ^ TT_DIGEST_K3);
    const unsigned __int128 p2 = (unsigned __int128)(w[4] ^ TT_DIGEST_K4) * (w[5] ^ TT_DIGEST_K5);
    const unsigned __int128 p3 = (unsigned __int128)(w[6] ^ TT_DIGEST_K6) * (w[7] ^ TT_DIGEST_K7);
    const uint64_t x = (uint64_t)p0 + tt_digest_rotl((uint64_t)p1, 17)
                       + tt_digest_rotl((uint64_t)p2, 31) + tt_digest_rotl((uint64_t)p3, 47);
    const uint64_t y = (uint64_t)(p0 >> 64) + tt_digest_rotl((uint64_t)(p1 >> 64), 13)
                       + tt_digest_rotl((uint64_t)(p2 >> 64), 37)
                       + tt_digest_rotl((uint64_t)(p3 >> 64), 53);
    tt_digest_chain(&d->a, &d->b, x, y);
    d->count++;
}

static inline void tt_digest_slots(tt_digest *d, const void *slots, uint64_t n)
{
    tt_digest local = *d; /* the state stays in registers */
    for (uint64_t i = 0; i < n; i++)
        tt_digest_slot(&local, (const uint8_t *)slots + i * TT_SLOT_BYTES);
    *d = local;
}

/* One record of 64 or 128 bytes, as its own header says. */
static inline void tt_digest_add(tt_digest *d, const void *rec)
{
    TT_ASSERT(tt_rec_bytes(rec) == 64 || tt_rec_bytes(rec) == 128);
    tt_digest_slot(d, rec);
    if (tt_rec_bytes(rec) == TT_RECORD_BYTES_MAX)
        tt_digest_slot(d, (const uint8_t *)rec + TT_SLOT_BYTES);
}

/* The value so far; the digest goes on. An empty stream has a value too. */
static inline void tt_digest_value(const tt_digest *d, uint64_t out[2])
{
    uint64_t a = d->a, b = d->b;
    tt_digest_chain(&a, &b, d->count ^ TT_DIGEST_K0, TT_DIGEST_K1);
    tt_digest_chain(&a, &b, TT_DIGEST_K2, d->count ^ TT_DIGEST_K3);
    out[0] = a;
    out[1] = b;
}

/* 32 lower-case digits, out[0] first. `text` has TT_DIGEST_HEX_BYTES. */
static inline void tt_digest_hex(const tt_digest *d, char *text)
{
    uint64_t value[2];
    tt_digest_value(d, value);
    for (int i = 0; i < 32; i++)
        text[i] = "0123456789abcdef"[value[i >> 4] >> (60 - (i & 15) * 4) & 15];
    text[32] = 0;
}

/* Digests of a run of whole records by direction: out[tt_template_dir[template]], and how many
 * records each. Records of unknown template go to TT_DIR_NONE. Returns the slots used: less than n
 * when a record's length is wrong or it is cut. */
static inline uint64_t tt_digest_dirs(tt_digest out[4], uint64_t records[4], const void *slots,
                                      uint64_t n)
{
    uint64_t i = 0;
    while (i < n) {
        const uint8_t *rec = (const uint8_t *)slots + i * TT_SLOT_BYTES;
        const tt_head *head = (const tt_head *)rec;
        const uint32_t bytes = tt_rec_bytes(rec);
        const uint64_t take = bytes / TT_SLOT_BYTES;
        if (TT_UNLIKELY((bytes != 64 && bytes != 128) || take > n - i))
            break;
        const uint16_t id = head->template_id;
        const uint8_t dir = id < TT_T_END ? tt_template_dir[id] : TT_DIR_NONE;
        tt_digest_add(&out[dir], rec);
        records[dir]++;
        i += take;
    }
    return i;
}

#endif
