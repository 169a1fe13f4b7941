/* A page of named u64 counters: the hot thread writes, another process reads, nothing is formatted
 * on the way.
 *
 * Each counter has one writer (tt_counter_add: no locked instruction) or several
 * (tt_counter_add_shared). Names are given out by tt_counters_claim from any thread; a name, once
 * ready, never changes and never goes away.
 */
#ifndef TECTRA_COUNTERS_H
#define TECTRA_COUNTERS_H

#include "shm.h"

#include <string.h>

#define TT_COUNTERS_MAX 65536u
#define TT_COUNTER_NAME_BYTES 56u /* with the closing 0 */

enum { TT_COUNTER_FREE = 0, TT_COUNTER_NAMING = 1, TT_COUNTER_READY = 2 };

/*  byte  0             64     128
 *        +-------------+------+-----------+-----------+---
 *        | tt_shm_head |  0   | counter 0 | counter 1 | ...  128 bytes each
 *        +-------------+------+-----------+-----------+---
 *  counter: 0 value | 8..63 0 | 64 state | 72 name[56]
 *  The value has its line to itself; the name is on the line beside it and is never written again.
 */
typedef struct {
    tt_atomic_u64 value;
    uint64_t reserved[7];
    tt_atomic_u64 state;
    char name[TT_COUNTER_NAME_BYTES];
} tt_counter;

typedef struct {
    tt_shm_head head;
    uint64_t reserved[8];
    tt_counter counter[];
} tt_counters;

_Static_assert(sizeof(tt_counter) == 128 && offsetof(tt_counter, state) == 64,
               "one counter is two lines");
_Static_assert(sizeof(tt_counters) == 128, "counters follow two lines of head");

static inline uint64_t tt_counters_bytes(uint64_t capacity)
{
    return capacity == 0 || capacity > TT_COUNTERS_MAX
               ? 0
               : sizeof(tt_counters) + capacity * sizeof(tt_counter);
}

static inline uint32_t tt_counters_layout(void)
{
    const uint32_t words[] = {sizeof(tt_counters), sizeof(tt_counter), offsetof(tt_counter, state),
                              offsetof(tt_counter, name)};
    return tt_layout_hash(words, sizeof words / sizeof *words);
}

/* In zeroed memory of tt_counters_bytes. */
static inline int tt_counters_init(tt_counters *c, uint64_t capacity, int64_t now_ns)
{
    const uint64_t bytes = tt_counters_bytes(capacity);
    if (bytes == 0)
        return TT_E_RANGE;
    tt_shm_head_init(&c->head, bytes, capacity, 0, tt_counters_layout(), now_ns);
    tt_shm_publish(&c->head, TT_SHM_MAGIC_COUNTERS);
    return TT_OK;
}

/* One of TT_SHM_*. */
static inline int tt_counters_check(const tt_counters *c, uint64_t bytes)
{
    const int reason = tt_shm_check(&c->head, bytes, TT_SHM_MAGIC_COUNTERS, tt_counters_layout());
    if (reason == TT_SHM_GOOD && c->head.total_bytes != tt_counters_bytes(c->head.capacity))
        return TT_SHM_WRONG_SIZE;
    return reason;
}

/* The index of the counter of this name, or TT_E_EMPTY. */
static inline int64_t tt_counters_find(const tt_counters *c, const char *name)
{
    for (uint64_t i = 0; i < c->head.capacity; i++) {
        /* Pairs with the release store in tt_counters_claim: the name is written. */
        const uint64_t state = tt_load_acquire64(&c->counter[i].state);
        if (state == TT_COUNTER_FREE)
            break;
        if (state == TT_COUNTER_READY &&
            strncmp(c->counter[i].name, name, TT_COUNTER_NAME_BYTES) == 0)
            return (int64_t)i;
    }
    return TT_E_EMPTY;
}

/* The counter of this name, made if there is none. Cold. TT_E_FULL, or TT_E_LENGTH for a name that
 * is empty or too long. Two threads that claim the same new name at the same moment may make two
 * counters; claim names from one thread. */
static inline int64_t tt_counters_claim(tt_counters *c, const char *name)
{
    const size_t length = strlen(name);
    if (length == 0 || length >= TT_COUNTER_NAME_BYTES)
        return TT_E_LENGTH;
    const int64_t found = tt_counters_find(c, name);
    if (found >= 0)
        return found;
    for (uint64_t i = 0; i < c->head.capacity; i++) {
        uint64_t state = TT_COUNTER_FREE;
        if (tt_cas64(&c->counter[i].state, &state, TT_COUNTER_NAMING)) {
            memcpy(c->counter[i].name, name, length + 1);
            tt_store_release64(&c->counter[i].state,
                               TT_COUNTER_READY); /* pairs with tt_counters_find */
            return (int64_t)i;
        }
    }
    return TT_E_FULL;
}

/* 1 when the counter has a name that can be read. */
static inline int tt_counter_is_ready(const tt_counters *c, uint64_t i)
{
    return i < c->head.capacity && tt_load_acquire64(&c->counter[i].state) == TT_COUNTER_READY;
}

/* The only writer of counter i. Readers may see it late, never torn. */
static inline void tt_counter_add(tt_counters *c, uint64_t i, uint64_t n)
{
    TT_ASSERT(i < c->head.capacity);
    tt_bump64(&c->counter[i].value, n);
}

/* One of several writers. */
static inline void tt_counter_add_shared(tt_counters *c, uint64_t i, uint64_t n)
{
    TT_ASSERT(i < c->head.capacity);
    tt_fetch_add64(&c->counter[i].value, n);
}

/* Release, so that a reader who sees the value sees what was written before it. Pairs with
 * tt_counter_get. */
static inline void tt_counter_set(tt_counters *c, uint64_t i, uint64_t value)
{
    TT_ASSERT(i < c->head.capacity);
    tt_store_release64(&c->counter[i].value, value);
}

/* The only writer: raise to `value` if that is more. */
static inline void tt_counter_max(tt_counters *c, uint64_t i, uint64_t value)
{
    TT_ASSERT(i < c->head.capacity);
    if (value > tt_load_relaxed64(&c->counter[i].value))
        tt_store_relaxed64(&c->counter[i].value, value);
}

static inline uint64_t tt_counter_get(const tt_counters *c, uint64_t i)
{
    TT_ASSERT(i < c->head.capacity);
    return tt_load_acquire64(&c->counter[i].value);
}

#endif
