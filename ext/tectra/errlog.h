/* Distinct-error log: a page in which hot threads note trouble without formatting anything, and
 * another process reads it.
 *
 * One entry for each (place, code): how often, and when first and last. Noting again what is there
 * is a probe, a count and two stores; no allocation, no system call, no clock. Entries are never
 * removed. Several writers may note at once with tt_errlog_note_shared; tt_errlog_note is for a
 * page with one writer and needs no locked instruction.
 */
#ifndef TECTRA_ERRLOG_H
#define TECTRA_ERRLOG_H

#include "shm.h"

#define TT_ERRLOG_MAX 65536u
#define TT_ERRLOG_PROBES 64u /* entries looked at before an error counts as without room */

/* Where trouble was seen. Places from 1024 on are the user's. */
enum {
    TT_PLACE_BOOK = 1,     /* a record that a book refused */
    TT_PLACE_FEED = 2,     /* records that were lost or cannot be read */
    TT_PLACE_ORDERS = 3,   /* a report of an unknown order, or one that its state does not allow */
    TT_PLACE_POSITION = 4, /* a position or P&L that does not fit */
    TT_PLACE_RISK = 5,     /* the risk chain */
    TT_PLACE_GATE = 6,     /* an order that could not leave */
    TT_PLACE_JOURNAL = 7,  /* a record that could not be kept */
    TT_PLACE_RING = 8,     /* a ring without room, or one that lost something */
    TT_PLACE_STRATEGY = 9, /* a callback that failed */
    TT_PLACE_CLOCK = 10,   /* a clock that stepped */
    TT_PLACE_CONTROL = 11, /* a command that named nothing */
    TT_PLACE_USER = 1024,
    TT_PLACE_MAX = 0x7fffffff,
};

/*  byte  0            64     72                                        128
 *        +-------------+------+----------------------------------------+---------+---------+---
 *        | tt_shm_head | lost |                  0                     | entry 0 | entry 1 | ...
 *        +-------------+------+----------------------------------------+---------+---------+---
 *  entry: 0 key | 8 ready | 16 first_seq | 24 first_ns | 32 count | 40 last_seq | 48 last_ns | 56 0
 *  key: place << 32 | code, 0 while the entry is free
 */
typedef struct {
    uint64_t ring_seq;
    int64_t ns;
} tt_errlog_when;

typedef struct {
    tt_atomic_u64 key;
    tt_atomic_u64 ready;  /* 1 once `first` is written; then neither ever changes */
    tt_errlog_when first; /* of who took the entry */
    tt_atomic_u64 count;
    tt_atomic_u64 last_seq, last_ns; /* with several writers each of some last one */
    uint64_t reserved;
} tt_errlog_entry;

typedef struct {
    tt_shm_head head;
    tt_atomic_u64 lost; /* notes that found no room */
    uint64_t reserved[7];
    tt_errlog_entry entry[];
} tt_errlog;

_Static_assert(sizeof(tt_errlog_entry) == 64 && offsetof(tt_errlog_entry, count) == 32,
               "one entry is one line");
_Static_assert(sizeof(tt_errlog) == 128 && offsetof(tt_errlog, lost) == 64,
               "entries follow two lines of head");

static inline uint64_t tt_errlog_bytes(uint64_t capacity)
{
    if (capacity == 0 || capacity > TT_ERRLOG_MAX || (capacity & (capacity - 1)) != 0)
        return 0;
    return sizeof(tt_errlog) + capacity * sizeof(tt_errlog_entry);
}

static inline uint32_t tt_errlog_layout(void)
{
    const uint32_t words[] = {sizeof(tt_errlog),
                              offsetof(tt_errlog, lost),
                              sizeof(tt_errlog_entry),
                              offsetof(tt_errlog_entry, ready),
                              offsetof(tt_errlog_entry, first),
                              offsetof(tt_errlog_entry, count),
                              offsetof(tt_errlog_entry, last_seq)};
    return tt_layout_hash(words, sizeof words / sizeof *words);
}

/* In zeroed memory of tt_errlog_bytes; the capacity is a power of two. */
static inline int tt_errlog_init(tt_errlog *log, uint64_t capacity, int64_t now_ns)
{
    const uint64_t bytes = tt_errlog_bytes(capacity);
    if (bytes == 0)
        return TT_E_RANGE;
    tt_shm_head_init(&log->head, bytes, capacity, 0, tt_errlog_layout(), now_ns);
    tt_shm_publish(&log->head, TT_SHM_MAGIC_ERRLOG);
    return TT_OK;
}

/* One of TT_SHM_*. */
static inline int tt_errlog_check(const tt_errlog *log, uint64_t bytes)
{
    const int reason = tt_shm_check(&log->head, bytes, TT_SHM_MAGIC_ERRLOG, tt_errlog_layout());
    if (reason == TT_SHM_GOOD && log->head.total_bytes != tt_errlog_bytes(log->head.capacity))
        return TT_SHM_WRONG_SIZE;
    return reason;
}

static inline uint64_t tt_errlog_key_(uint32_t place, int32_t code)
{
    return (uint64_t)place << 32 | (uint32_t)code;
}

/* The entry of a key, taken if there is none; NULL: no room within reach. */
static inline tt_errlog_entry *tt_errlog_slot_(tt_errlog *log, uint64_t key, tt_errlog_when when)
{
    const uint64_t mask = log->head.capacity - 1;
    uint64_t at = (key * 0x9e3779b97f4a7c15ull) >> 40;
    const uint64_t probes = mask < TT_ERRLOG_PROBES ? mask + 1 : TT_ERRLOG_PROBES;
    for (uint64_t i = 0; i < probes; i++, at++) {
        tt_errlog_entry *entry = &log->entry[at & mask];
        /* The key guards nothing: what a reader sees, it sees through `ready`. */
        uint64_t found = tt_load_relaxed64(&entry->key);
        if (TT_LIKELY(found == key))
            return entry;
        if (found != 0)
            continue;
        /* Of several that find it free one takes it; found is then what is there. */
        if (tt_cas64(&entry->key, &found, key)) {
            tt_copy_in(&entry->first, &when, sizeof when);
            /* Pairs with the acquire load in tt_errlog_read: `first` is written. */
            tt_store_release64(&entry->ready, 1);
            return entry;
        }
        if (found == key)
            return entry;
    }
    return NULL;
}

static inline int tt_errlog_note_(tt_errlog *log, uint32_t place, int32_t code, tt_errlog_when when,
                                  int is_shared)
{
    TT_ASSERT(place > 0 && place <= TT_PLACE_MAX);
    tt_errlog_entry *entry = tt_errlog_slot_(log, tt_errlog_key_(place, code), when);
    if (TT_UNLIKELY(entry == NULL)) {
        tt_fetch_add64(&log->lost, 1);
        return TT_E_FULL;
    }
    tt_store_relaxed64(&entry->last_seq, when.ring_seq);
    tt_store_relaxed64(&entry->last_ns, (uint64_t)when.ns);
    if (is_shared)
        tt_fetch_add64(&entry->count, 1);
    else
        tt_bump64(&entry->count, 1);
    return TT_OK;
}

/* Note an error of the record `ring_seq` at `ns`, the engine's time. The page's one writer. TT_OK,
 * or TT_E_FULL: counted in `lost`. */
static inline int tt_errlog_note(tt_errlog *log, uint32_t place, int32_t code, uint64_t ring_seq,
                                 int64_t ns)
{
    const tt_errlog_when when = {.ring_seq = ring_seq, .ns = ns};
    return tt_errlog_note_(log, place, code, when, 0);
}

/* The same where others write too. */
static inline int tt_errlog_note_shared(tt_errlog *log, uint32_t place, int32_t code,
                                        uint64_t ring_seq, int64_t ns)
{
    const tt_errlog_when when = {.ring_seq = ring_seq, .ns = ns};
    return tt_errlog_note_(log, place, code, when, 1);
}

typedef struct {
    uint32_t place;
    int32_t code;
    uint64_t count;
    tt_errlog_when first, last;
} tt_errlog_view;

/* What entry `i` holds: 1, or 0 while it is free or being taken. Any thread or process, also over a
 * mapping that cannot be written. */
static inline int tt_errlog_read(const tt_errlog *log, uint64_t i, tt_errlog_view *out)
{
    TT_ASSERT(i < log->head.capacity);
    const tt_errlog_entry *entry = &log->entry[i];
    /* Pairs with the release store in tt_errlog_slot_. */
    if (tt_load_acquire64(&entry->ready) == 0)
        return 0;
    const uint64_t key = tt_load_relaxed64(&entry->key);
    out->place = (uint32_t)(key >> 32);
    out->code = (int32_t)(uint32_t)key;
    tt_copy_out(&out->first, &entry->first, sizeof out->first);
    out->count = tt_load_relaxed64(&entry->count);
    if (out->count == 0)
        return 0;
    out->last.ring_seq = tt_load_relaxed64(&entry->last_seq);
    out->last.ns = (int64_t)tt_load_relaxed64(&entry->last_ns);
    return 1;
}

#endif
