/* The page and the handle of the multi-producer multi-consumer ring: layout, control words, making
 * and opening. Who takes part and what is done about the dead: mpmc_owner.h. The operations:
 * mpmc.h.
 *
 * A slot has a control line and room for one record of 64 or (wide) 128 bytes. The control word
 * says all about the slot at once: the position it stands for, its state, and who holds it. It only
 * goes forward, so no value ever comes back:
 *
 *                   claim              commit           claim               release
 *     FREE(p) ──────────► CLAIMED(p,o) ─────► READY(p) ──────► READING(p,o) ───────► FREE(p + n)
 *        │                  │  abort: SKIP(p)                      │
 *        │       held too long: LOST(p,o)               held too long: HELD(p + n, o)
 *        │
 *     LOST(p,o)  readers pass over p and make it HELD(p + n, o); the slot stays o's
 *     HELD(p,o)  writers pass over p and make it LOST(p,o); the slot stays o's
 *     SKIP(p)    readers pass over p and make it FREE(p + n)
 *
 * LOST and HELD are quarantine: o may still write into the slot, or read it, so nobody else does
 * until o gives it back (LOST to SKIP, HELD to FREE) or is known to be dead. n is the capacity.
 *
 * Words and positions move in two steps, the word first. Whoever finds a position that lags behind
 * its slot moves it on, so a process may die between any two steps.
 *
 * A plain ring (without TT_MPMC_FENCED) takes the position first, by one compare and swap, and uses
 * FREE, READY and SKIP alone: faster, but a thread that dies or stops in the middle stops the ring.
 */
#ifndef TECTRA_MPMC_PAGE_H
#define TECTRA_MPMC_PAGE_H

#include "shm.h"

#include <string.h>

#define TT_MPMC_PARTICIPANTS 128u
#define TT_MPMC_GAP_LOG 32u
#define TT_MPMC_SLOTS_AT 17408u /* where the slots start */
#define TT_MPMC_RECORD_AT 64u   /* in a slot */
#define TT_MPMC_CAPACITY_MIN 2u
#define TT_MPMC_CAPACITY_MAX (1ull << 32)
#define TT_MPMC_UNBLOCK_NS 10000000u
/* Off the fast path, and kept out of it. */
#define TT_MPMC_COLD __attribute__((noinline, unused)) static

enum {
    TT_MPMC_FENCED = 1, /* survives the death or the stop of whoever holds a slot */
    TT_MPMC_STAMP = 2,  /* the ring writes its own record number, from 1, into ring_seq */
    TT_MPMC_WIDE = 4,   /* room for records of 128 bytes */
    TT_MPMC_FLAGS = 7,
};

/* States of a slot: the low 3 bits of its word; 8 bits of owner (0: nobody) and 53 bits of position
 * are above. */
enum {
    TT_MPMC_FREE = 0,
    TT_MPMC_HELD = 1,
    TT_MPMC_CLAIMED = 2,
    TT_MPMC_READY = 3,
    TT_MPMC_READING = 4,
    TT_MPMC_LOST = 5,
    TT_MPMC_SKIP = 6,
};
#define TT_MPMC_POS_SHIFT 11u
#define TT_MPMC_OWNER_MAX 255u

/* Why a record number is missing; the low half of tt_mpmc_gap.why, the process is the high half. */
enum {
    TT_MPMC_GAP_ABANDONED = 1, /* claimed and never committed in time */
    TT_MPMC_GAP_LOST = 2,      /* committed, and its reader did not give it back in time */
};

typedef struct {
    tt_atomic_u64 number, why;
} tt_mpmc_gap;

/* One handle that takes part. Each line is written by that handle alone, except the token. The
 * counters stay when it leaves; whoever takes the entry next counts on.
 *
 *   byte 0       8      16      24       32       40           48          56
 *        +-------+------+-------+--------+--------+------------+-----------+------+
 *        | token | beat | joins | pushed | popped | full_count | abandoned | lost |
 *        +-------+------+-------+--------+--------+------------+-----------+------+
 *       64        72        80        88           96       104               128
 *        +--------+---------+---------+------------+--------+-----------------+
 *        | fenced | aborted | skipped | high_water | passed |        0        |
 *        +--------+---------+---------+------------+--------+-----------------+
 */
typedef struct {
    tt_atomic_u64 token; /* pid << 32 | tt_pid_start, top bit: known to be dead; 0: free entry */
    tt_atomic_u64 beat_ns;
    tt_atomic_u64 joins;      /* epoch: handles that had this entry so far */
    tt_atomic_u64 pushed;     /* fenced: records committed */
    tt_atomic_u64 popped;     /* fenced: records given back */
    tt_atomic_u64 full_count; /* claims refused */
    tt_atomic_u64 abandoned;  /* others' claims that this handle gave up on */
    tt_atomic_u64 lost;       /* others' records under reading that it gave up on */
    tt_atomic_u64 fenced;     /* its own commits and releases that came too late */
    tt_atomic_u64 aborted;    /* its own claims that it gave up */
    tt_atomic_u64 skipped;    /* positions it passed over, their slot being in quarantine */
    tt_atomic_u64 high_water; /* depth at most, where it looked */
    tt_atomic_u64 passed;     /* plain: aborted claims that it passed over as a reader */
    uint8_t pad[24];
} tt_mpmc_participant;

/*  byte 0             64           128         256        384    448          960  1024      17408
 *       +-------------+------------+-----------+----------+------+------------+----+---------+-----
 *       | tt_shm_head | start,     | write_pos | read_pos | gaps | gap log    | 0  | 128     |
 * slots |             | unblock_ns |           |          |      | 32 x 16    |    | x 128   |
 *       +-------------+------------+-----------+----------+------+------------+----+---------+-----
 *  slot, 128 bytes (wide: 256):  word, info | 48 x 0 | record
 *  The two positions are 128 bytes apart from each other and from everything else.
 */
typedef struct {
    tt_shm_head head;
    uint64_t start;      /* first position; constant */
    uint64_t unblock_ns; /* how long a slot may be held while another waits for it; constant */
    uint8_t pad0[48];
    tt_atomic_u64 write_pos; /* claimed positions; may lag behind the slots by one */
    uint8_t pad1[120];
    tt_atomic_u64 read_pos; /* the same for readers */
    uint8_t pad2[120];
    tt_atomic_u64 gaps; /* entries ever made in gap_log */
    uint8_t pad3[56];
    tt_mpmc_gap gap_log[TT_MPMC_GAP_LOG];
    uint8_t pad4[64];
    tt_mpmc_participant participant[TT_MPMC_PARTICIPANTS];
} tt_mpmc_page;

typedef struct {
    tt_atomic_u64 word;
    tt_atomic_u64 info; /* bytes << 32 | tag; valid while READY or READING */
} tt_mpmc_slot;

_Static_assert(sizeof(tt_mpmc_participant) == 128, "one writer per pair of lines");
_Static_assert(offsetof(tt_mpmc_participant, high_water) == 88, "tt_mpmc_participant layout");
_Static_assert(sizeof(tt_mpmc_page) == TT_MPMC_SLOTS_AT, "slots follow the page head");
_Static_assert(offsetof(tt_mpmc_page, start) == 64, "constants");
_Static_assert(offsetof(tt_mpmc_page, write_pos) == 128, "writers' line");
_Static_assert(offsetof(tt_mpmc_page, read_pos) == 256, "readers' line, 128 bytes from it");
_Static_assert(offsetof(tt_mpmc_page, gap_log) == 448, "gap log");
_Static_assert(offsetof(tt_mpmc_page, participant) == 1024, "participants");
_Static_assert(TT_MPMC_PARTICIPANTS <= TT_MPMC_OWNER_MAX, "8 bits of owner");

/* What a handle waits for, and since when. */
typedef struct {
    uint64_t word;
    uint64_t to; /* positions before this one were taken by then */
    int64_t since_ns;
    uint32_t looked; /* whether the holder lives was looked at */
} tt_mpmc_watch;

/* The handle of one thread: memory of the caller, nothing in it is shared. */
typedef struct {
    tt_mpmc_page *page;
    uint8_t *slots;
    uint64_t mask, start;
    uint32_t shift; /* bytes of a slot, as a power of two */
    uint32_t flags;
    uint32_t room;   /* bytes of the longest record */
    uint32_t me;     /* 1 + index of the entry in the table; 0: takes no part */
    uint32_t open;   /* slots held */
    uint32_t accept; /* bits: records without any of these in their tag are left alone; 0: all */
    uint32_t passed; /* slots in quarantine that were passed over */
    uint64_t mark;   /* the depth is looked at where these bits of the position are 0 */
    uint64_t token;
    tt_mpmc_participant *mine;
    tt_mpmc_watch reading, writing;
} tt_mpmc;

/* A slot that this handle holds, to write (after a claim) or to read (after a peek). */
typedef struct {
    tt_mpmc_slot *slot;
    void *record; /* in place */
    uint64_t pos;
    uint32_t bytes, tag;
} tt_mpmc_item;

static inline uint64_t tt_mpmc_word(uint64_t pos, uint32_t owner, uint32_t state)
{
    return pos << TT_MPMC_POS_SHIFT | (uint64_t)owner << 3 | state;
}

static inline uint32_t tt_mpmc_state(uint64_t word)
{
    return (uint32_t)(word & 7u);
}

static inline uint32_t tt_mpmc_owner(uint64_t word)
{
    return (uint32_t)(word >> 3) & TT_MPMC_OWNER_MAX;
}

/* The same word for a later position, another state, or (owner 0) nobody. */
static inline uint64_t tt_mpmc_reword_(uint64_t word, uint64_t by, uint32_t owner, uint32_t state)
{
    return tt_mpmc_word((word >> TT_MPMC_POS_SHIFT) + by, owner, state);
}

/* Less than 0: the word is of an earlier position than `pos`; 0: of this one. Right across the wrap
 * of the positions. */
static inline int64_t tt_mpmc_ahead_(uint64_t word, uint64_t pos)
{
    return (int64_t)((word >> TT_MPMC_POS_SHIFT << TT_MPMC_POS_SHIFT) - (pos << TT_MPMC_POS_SHIFT));
}

static inline tt_mpmc_slot *tt_mpmc_slot_(const tt_mpmc *r, uint64_t pos)
{
    return (tt_mpmc_slot *)(void *)(r->slots + ((pos & r->mask) << r->shift));
}

static inline uint64_t tt_mpmc_number(const tt_mpmc *r, uint64_t pos)
{
    return pos - r->start + 1;
}

static inline int tt_mpmc_capacity_ok(uint64_t capacity)
{
    return capacity >= TT_MPMC_CAPACITY_MIN && capacity <= TT_MPMC_CAPACITY_MAX &&
           (capacity & (capacity - 1)) == 0;
}

static inline uint32_t tt_mpmc_shift(uint32_t flags)
{
    return (flags & TT_MPMC_WIDE) ? 8 : 7;
}

/* Bytes of a page; capacity in records, a power of two from 2 to 2^32, else 0. */
static inline uint64_t tt_mpmc_bytes(uint64_t capacity, uint32_t flags)
{
    return tt_mpmc_capacity_ok(capacity) ? TT_MPMC_SLOTS_AT + (capacity << tt_mpmc_shift(flags))
                                         : 0;
}

static inline uint32_t tt_mpmc_layout(void)
{
    const uint32_t words[] = {sizeof(tt_mpmc_page),
                              TT_MPMC_RECORD_AT,
                              TT_MPMC_POS_SHIFT,
                              sizeof(tt_mpmc_participant),
                              offsetof(tt_mpmc_page, start),
                              offsetof(tt_mpmc_page, unblock_ns),
                              offsetof(tt_mpmc_page, write_pos),
                              offsetof(tt_mpmc_page, read_pos),
                              offsetof(tt_mpmc_page, gap_log),
                              offsetof(tt_mpmc_page, participant)};
    return tt_layout_hash(words, sizeof words / sizeof *words);
}

/* Make a ring in zeroed memory of tt_mpmc_bytes. `start` is the first position: 0, except where a
 * test wants the wrap near. TT_OK or TT_E_RANGE. */
static inline int tt_mpmc_init(void *memory, uint64_t capacity, uint32_t flags, uint64_t start,
                               uint64_t unblock_ns, int64_t now_ns)
{
    tt_mpmc_page *page = (tt_mpmc_page *)memory;
    if (!tt_mpmc_capacity_ok(capacity) || (flags & ~(uint32_t)TT_MPMC_FLAGS) != 0 ||
        unblock_ns == 0 || unblock_ns > INT64_MAX)
        return TT_E_RANGE;
    TT_ASSERT(((uintptr_t)memory & (TT_CACHE_LINE - 1)) == 0);
    tt_shm_head_init(&page->head, tt_mpmc_bytes(capacity, flags), capacity, flags, tt_mpmc_layout(),
                     now_ns);
    page->start = start;
    page->unblock_ns = unblock_ns;
    tt_store_relaxed64(&page->write_pos, start);
    tt_store_relaxed64(&page->read_pos, start);
    uint8_t *slots = (uint8_t *)memory + TT_MPMC_SLOTS_AT;
    for (uint64_t i = 0; i < capacity; i++) {
        const uint64_t pos = start + i;
        const uint64_t at = (pos & (capacity - 1)) << tt_mpmc_shift(flags);
        tt_store_relaxed64(&((tt_mpmc_slot *)(void *)(slots + at))->word,
                           tt_mpmc_word(pos, 0, TT_MPMC_FREE));
    }
    tt_shm_publish(&page->head, TT_SHM_MAGIC_MPMC);
    return TT_OK;
}

/* Verify a page and bind a handle to it: one of TT_SHM_*. It may look at counters; to push or pop
 * it joins (mpmc_owner.h). */
static inline int tt_mpmc_open(tt_mpmc *r, void *memory, uint64_t bytes)
{
    tt_mpmc_page *page = (tt_mpmc_page *)memory;
    const int reason = tt_shm_check(&page->head, bytes, TT_SHM_MAGIC_MPMC, tt_mpmc_layout());
    if (reason != TT_SHM_GOOD)
        return reason;
    const uint64_t capacity = page->head.capacity;
    const uint32_t flags = page->head.flags;
    if (!tt_mpmc_capacity_ok(capacity) || (flags & ~(uint32_t)TT_MPMC_FLAGS) != 0 ||
        page->head.total_bytes != tt_mpmc_bytes(capacity, flags) || page->unblock_ns == 0 ||
        page->unblock_ns > INT64_MAX)
        return TT_SHM_WRONG_SIZE;
    /* Either position may lag by one. This order of the three loads makes both bounds hold on a
     * ring in use. */
    const uint64_t before = tt_load_acquire64(&page->write_pos);
    const uint64_t read_pos = tt_load_acquire64(&page->read_pos);
    const uint64_t after = tt_load_acquire64(&page->write_pos);
    const int64_t most = (int64_t)capacity + 1;
    if ((int64_t)(before - read_pos) > most || (int64_t)(after - read_pos) < -most)
        return TT_SHM_DAMAGED;
    memset(r, 0, sizeof(*r));
    r->page = page;
    r->slots = (uint8_t *)memory + TT_MPMC_SLOTS_AT;
    r->mask = capacity - 1;
    r->start = page->start;
    r->shift = tt_mpmc_shift(flags);
    r->flags = flags;
    r->room = (flags & TT_MPMC_WIDE) ? TT_RECORD_BYTES_MAX : TT_SLOT_BYTES;
    r->mark = capacity <= 64 ? 0 : 15;
    return TT_SHM_GOOD;
}

/* Records in the ring, under way ones included, for observers: a snapshot. */
static inline uint64_t tt_mpmc_depth(const tt_mpmc *r)
{
    const uint64_t read_pos = tt_load_acquire64(&r->page->read_pos);
    const int64_t depth = (int64_t)(tt_load_acquire64(&r->page->write_pos) - read_pos);
    const int64_t most = (int64_t)r->mask + 1;
    return depth < 0 ? 0 : (uint64_t)(depth > most ? most : depth);
}

/* Whether a claim would be refused now: a look only. */
static inline int tt_mpmc_is_full(const tt_mpmc *r)
{
    const uint64_t pos = tt_load_acquire64(&r->page->write_pos);
    return tt_mpmc_ahead_(tt_load_acquire64(&tt_mpmc_slot_(r, pos)->word), pos) < 0;
}

/* Everything counted, over all participants, past ones included: a snapshot, exact at rest. */
typedef struct {
    uint64_t pushed, popped, full_count, abandoned, lost, fenced, aborted, skipped;
    uint64_t depth, high_water, gaps, participants;
} tt_mpmc_counts;

static inline tt_mpmc_counts tt_mpmc_count(const tt_mpmc *r)
{
    tt_mpmc_counts sum = {.depth = tt_mpmc_depth(r), .gaps = tt_load_acquire64(&r->page->gaps)};
    sum.high_water = sum.depth;
    uint64_t passed = 0;
    for (uint32_t i = 0; i < TT_MPMC_PARTICIPANTS; i++) {
        const tt_mpmc_participant *entry = &r->page->participant[i];
        const uint64_t high = tt_load_acquire64(&entry->high_water);
        sum.pushed += tt_load_acquire64(&entry->pushed);
        sum.popped += tt_load_acquire64(&entry->popped);
        sum.full_count += tt_load_acquire64(&entry->full_count);
        sum.abandoned += tt_load_acquire64(&entry->abandoned);
        sum.lost += tt_load_acquire64(&entry->lost);
        sum.fenced += tt_load_acquire64(&entry->fenced);
        sum.aborted += tt_load_acquire64(&entry->aborted);
        passed += tt_load_acquire64(&entry->passed);
        sum.skipped += tt_load_acquire64(&entry->skipped);
        sum.high_water = high > sum.high_water ? high : sum.high_water;
        sum.participants += tt_load_acquire64(&entry->token) != 0;
    }
    if (!(r->flags & TT_MPMC_FENCED)) {
        sum.pushed = tt_load_acquire64(&r->page->write_pos) - r->start - sum.aborted;
        sum.popped = tt_load_acquire64(&r->page->read_pos) - r->start - passed;
    }
    return sum;
}

#endif
