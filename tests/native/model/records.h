/* Records of the model's programs: what a record says follows from who sent it and its number, so
 * that a torn or foreign one is seen. */
#ifndef TECTRA_MODEL_RECORDS_H
#define TECTRA_MODEL_RECORDS_H

#include "explore.h"
#include "tectra/shm.h"

/* Words that a model writes into a record behind its 16-byte start: the fewer, the faster. */
static inline uint64_t md_word(uint64_t sender, uint64_t number, uint32_t i)
{
    return (sender << 32 | number << 16 | i) * 0x9e3779b97f4a7c15ull;
}

static inline uint64_t md_make(void *rec, uint64_t sender, uint64_t number, int wide)
{
    uint64_t words[16];
    tt_rec_init(words, wide ? TT_T_BOOK_ADD_ATTRIBUTED : TT_T_BOOK_ADD);
    const uint32_t n = wide ? 16 : 8;
    words[2] = sender << 32 | number;
    for (uint32_t i = 3; i < n; i++)
        words[i] = md_word(sender, number, i);
    memcpy(rec, words, n * 8);
    return n * 8;
}

static inline uint64_t md_sender(const uint64_t *rec)
{
    return rec[2] >> 32;
}

static inline uint64_t md_number(const uint64_t *rec)
{
    return rec[2] & 0xffffffffu;
}

/* Is it whole? Everything but the ring's own stamp. */
static inline int md_whole(const void *rec, int wide)
{
    uint64_t got[16], want[16];
    if (tt_rec_bytes(rec) != (wide ? 128u : 64u))
        return 0;
    memcpy(got, rec, wide ? 128 : 64);
    md_make(want, md_sender(got), md_number(got), wide);
    want[1] = got[1];
    return memcmp(want, got, wide ? 128 : 64) == 0;
}

#endif
