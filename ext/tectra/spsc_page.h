/* The page and the handle of the single-producer single-consumer ring: layout, making, opening, who
 * may write and who may read. The operations are in spsc.h.
 *
 * A slot is 64 bytes; a record takes one or two. A 128-byte record that starts in the last slot
 * spills into one spare slot behind it and uses up position 0 of the next lap, so every record is
 * contiguous in memory and no padding record exists.
 *
 * Commit word: the first 8 bytes of a slot, which are the record's own SBE header and never 0. The
 * slot after the newest record is kept 0 (the end mark), so a ring of `capacity` slots holds
 * capacity - 1. One cache line moves per record: the record itself.
 */
#ifndef TECTRA_SPSC_PAGE_H
#define TECTRA_SPSC_PAGE_H

#include "futex.h"
#include "shm.h"

#include <string.h>

#define TT_SPSC_GAP_LOG 32u
#define TT_SPSC_SLOTS_AT 1024u /* where the slots start */
#ifndef TT_SPSC_CAPACITY_MIN   /* an explorer of interleavings takes smaller rings */
#define TT_SPSC_CAPACITY_MIN 8u
#endif
#define TT_SPSC_CAPACITY_MAX (1ull << 32)
/* The producer clears commit words this many slots ahead at a time: their lines come over together.
 * The high-water mark is looked at as often. */
#define TT_SPSC_CHUNK 16u
/* Below this depth the producer does not look at the consumer's line to learn the high-water mark.
 */
#define TT_SPSC_MARK_MIN 64u
/* Off the fast path, and kept out of it. */
#define TT_SPSC_COLD __attribute__((noinline, unused)) static

enum {
    TT_SPSC_OVERWRITE = 1, /* lossy: the producer never waits, the consumer is told what it lost */
    TT_SPSC_STAMP = 2,     /* the ring writes its own record number into ring_seq */
};

typedef struct {
    tt_atomic_u64 first, last; /* record numbers, both lost */
} tt_spsc_gap;

/*  byte 0             64    128        192   256        320   384              896   1024
 *       +-------------+-----+----------+-----+----------+-----+-----------------+-----+------------
 *       | tt_shm_head |  0  | producer |  0  | consumer |  0  | gap log 32 x 16 |  0  | slots, 64 x
 *       |             |     |          |     |          |     |                 |     | (cap + 1)
 *       +-------------+-----+----------+-----+----------+-----+-----------------+-----+------------
 *  Behind the slots of a lossy ring: u64 x cap, the number of the record that starts in the slot,
 *  0 for a second half. Producer and consumer lines are 128 bytes apart; each line is written by
 *  one side only and read by anyone.
 */
typedef struct {
    tt_shm_head head;
    uint8_t pad0[64];
    tt_atomic_u64 write_pos;       /* slots ever written: where the next record goes */
    tt_atomic_u64 intent_pos;      /* lossy: slots before this one may be under way. Never falls */
    tt_atomic_u64 write_skew;      /* lossless: write_pos less this are the records pushed */
    tt_atomic_u64 pushed;          /* lossy: records */
    tt_atomic_u64 full_count;      /* pushes refused */
    tt_atomic_u64 high_water;      /* slots in use at most */
    tt_atomic_u32 consumer_parked; /* 1: the consumer sleeps on this word, see spsc_wait.h */
    tt_atomic_u32 producer_unfenced; /* 1: tt_fence_others does not reach the producer */
    uint64_t reserved0;
    tt_atomic_u64 producer; /* token of the side's holder, 0 = free: pid << 42 | start | handle */
    tt_atomic_u64 producer_beat_ns;
    tt_atomic_u64 producer_takeovers; /* times the side was taken from a dead process */
    tt_atomic_u64 high_mark;          /* slots in use from which the pressure is high; anyone's */
    uint8_t pad1[32];
    tt_atomic_u64 read_pos;        /* slots given back to the producer */
    tt_atomic_u64 read_skew;       /* lossless: read_pos less this are the records popped */
    tt_atomic_u64 popped;          /* lossy: records */
    tt_atomic_u64 lost;            /* records overwritten before they were read */
    tt_atomic_u64 gaps;            /* gap reports made; the newest are in gap_log */
    tt_atomic_u32 producer_parked; /* 1: the producer sleeps on this word */
    tt_atomic_u32 consumer_unfenced;
    uint64_t reserved1[2];
    tt_atomic_u64 consumer;
    tt_atomic_u64 consumer_beat_ns;
    tt_atomic_u64 consumer_takeovers;
    uint8_t pad2[40];
    tt_spsc_gap gap_log[TT_SPSC_GAP_LOG];
    uint8_t pad3[128];
} tt_spsc_page;

_Static_assert(sizeof(tt_spsc_page) == TT_SPSC_SLOTS_AT, "slots follow the page head");
_Static_assert(offsetof(tt_spsc_page, write_pos) == 128, "producer line");
_Static_assert(offsetof(tt_spsc_page, producer) == 192, "the producer's second line: cold");
_Static_assert(offsetof(tt_spsc_page, read_pos) == 256,
               "consumer line, 128 bytes from the producer's");
_Static_assert(offsetof(tt_spsc_page, consumer) == 320, "the consumer's second line: cold");
_Static_assert(offsetof(tt_spsc_page, gap_log) == 384, "gap log");

/* The handle of one process: 128-aligned memory of the caller. The producer's thread writes the
 * second part, the consumer's the third. */
typedef struct {
    _Alignas(TT_FALSE_SHARING) tt_spsc_page *page;
    uint8_t *slots;
    tt_atomic_u64 *numbers; /* lossy: record number per slot */
    uint64_t mask;
    uint64_t token;
    uint32_t flags;

    /* The producer's. Commit words from write_pos up to and including clear_to are 0: the fast path
     * goes on so far. seen_read_pos is the consumer's position when it was last looked at. */
    _Alignas(TT_FALSE_SHARING) uint64_t clear_to;
    uint64_t seen_read_pos;
    uint64_t claimed;        /* slots of the open claim, 0 for none: clear_to is write_pos then, */
    uint64_t claim_clear_to; /* and this is what it was */
    uint32_t producing;

    /* The consumer's. */
    _Alignas(TT_FALSE_SHARING) uint64_t read_pos; /* lossy: of the record held */
    uint32_t consuming;
    uint32_t plain; /* consuming, and not lossy: the fast path */
    uint32_t held;  /* lossy: TT_SPSC_HELD_*: what peek shows */
    uint64_t held_slots;
    _Alignas(TT_FALSE_SHARING)
        uint8_t copy[TT_RECORD_BYTES_MAX]; /* lossy: the record taken out of the ring */
    uint8_t gap[TT_SLOT_BYTES];            /* lossy: the gap record before it */
} tt_spsc;

enum { TT_SPSC_HELD_NONE = 0, TT_SPSC_HELD_RECORD = 1, TT_SPSC_HELD_GAP = 2 };

static inline int tt_spsc_capacity_ok(uint64_t capacity)
{
    return capacity >= TT_SPSC_CAPACITY_MIN && capacity <= TT_SPSC_CAPACITY_MAX &&
           (capacity & (capacity - 1)) == 0;
}

/* Bytes of a page; capacity in slots, a power of two from 8 to 2^32, else 0. */
static inline uint64_t tt_spsc_bytes(uint64_t capacity, uint32_t flags)
{
    if (!tt_spsc_capacity_ok(capacity))
        return 0;
    const uint64_t slots = TT_SPSC_SLOTS_AT + (capacity + 1) * TT_SLOT_BYTES;
    return slots + ((flags & TT_SPSC_OVERWRITE) ? capacity * sizeof(uint64_t) : 0);
}

static inline uint32_t tt_spsc_layout(void)
{
    const uint32_t words[] = {sizeof(tt_spsc_page),
                              TT_SPSC_SLOTS_AT,
                              TT_SLOT_BYTES,
                              offsetof(tt_spsc_page, write_pos),
                              offsetof(tt_spsc_page, intent_pos),
                              offsetof(tt_spsc_page, write_skew),
                              offsetof(tt_spsc_page, pushed),
                              offsetof(tt_spsc_page, full_count),
                              offsetof(tt_spsc_page, high_water),
                              offsetof(tt_spsc_page, consumer_parked),
                              offsetof(tt_spsc_page, high_mark),
                              offsetof(tt_spsc_page, read_pos),
                              offsetof(tt_spsc_page, read_skew),
                              offsetof(tt_spsc_page, popped),
                              offsetof(tt_spsc_page, lost),
                              offsetof(tt_spsc_page, gaps),
                              offsetof(tt_spsc_page, producer_parked),
                              offsetof(tt_spsc_page, producer),
                              offsetof(tt_spsc_page, consumer),
                              offsetof(tt_spsc_page, gap_log)};
    return tt_layout_hash(words, sizeof words / sizeof *words);
}

/* Make a ring in zeroed memory of tt_spsc_bytes. `start` is the first position: 0, except where a
 * test wants the wrap near. */
static inline int tt_spsc_init(void *memory, uint64_t capacity, uint32_t flags, uint64_t start,
                               int64_t now_ns)
{
    tt_spsc_page *page = (tt_spsc_page *)memory;
    if (!tt_spsc_capacity_ok(capacity) ||
        (flags & ~(uint32_t)(TT_SPSC_OVERWRITE | TT_SPSC_STAMP)) != 0)
        return TT_E_RANGE;
    TT_ASSERT(((uintptr_t)memory & (TT_FALSE_SHARING - 1)) == 0);
    tt_shm_head_init(&page->head, tt_spsc_bytes(capacity, flags), capacity, flags, tt_spsc_layout(),
                     now_ns);
    tt_store_relaxed64(&page->write_pos, start);
    tt_store_relaxed64(&page->intent_pos, start);
    tt_store_relaxed64(&page->read_pos, start);
    tt_store_relaxed64(&page->write_skew, start);
    tt_store_relaxed64(&page->read_skew, start);
    tt_store_relaxed64(&page->high_mark, capacity - capacity / 4);
    tt_shm_publish(&page->head, TT_SHM_MAGIC_SPSC);
    return TT_OK;
}

/* Who holds a side: process id (22 bits: Linux gives no larger ones), the low bits of its start
 * time, and the handle. Unique among the live handles of a process: they are at least 128 bytes
 * apart. */
static inline uint64_t tt_spsc_token_(const tt_spsc *r)
{
    const uint32_t pid = (uint32_t)getpid();
    const uint64_t start = tt_pid_start(pid) & 0x3ffu;
    return (uint64_t)pid << 42 | start << 32 | (uint32_t)((uintptr_t)r >> 7) | 1u;
}

static inline uint32_t tt_spsc_holder_pid(uint64_t holder)
{
    return (uint32_t)(holder >> 42);
}

/* A process id that was given away again is told from the holder, but for one start time in 1,024.
 */
static inline int tt_spsc_holder_alive_(uint64_t holder)
{
    const uint32_t pid = tt_spsc_holder_pid(holder);
    return tt_pid_alive(pid, 0) && ((tt_pid_start(pid) ^ (uint32_t)(holder >> 32)) & 0x3ffu) == 0;
}

/* Verify a page and bind a handle to it: one of TT_SHM_*. Neither side is claimed yet. */
static inline int tt_spsc_open(tt_spsc *r, void *memory, uint64_t bytes)
{
    tt_spsc_page *page = (tt_spsc_page *)memory;
    TT_ASSERT(((uintptr_t)r & (TT_FALSE_SHARING - 1)) == 0);
    const int reason = tt_shm_check(&page->head, bytes, TT_SHM_MAGIC_SPSC, tt_spsc_layout());
    if (reason != TT_SHM_GOOD)
        return reason;
    const uint64_t capacity = page->head.capacity;
    const uint32_t flags = page->head.flags;
    if (!tt_spsc_capacity_ok(capacity) ||
        (flags & ~(uint32_t)(TT_SPSC_OVERWRITE | TT_SPSC_STAMP)) != 0 ||
        page->head.total_bytes != tt_spsc_bytes(capacity, flags))
        return TT_SHM_WRONG_SIZE;
    /* A consumer that read a commit word may be ahead of write_pos; a producer is never more than a
     * ring ahead. This order of the three loads makes both bounds hold on a ring in use. */
    const uint64_t before = tt_load_acquire64(&page->write_pos);
    const uint64_t read_pos = tt_load_acquire64(&page->read_pos);
    const uint64_t after = tt_load_acquire64(&page->write_pos);
    if (!(flags & TT_SPSC_OVERWRITE) && ((int64_t)(before - read_pos) > (int64_t)capacity ||
                                         (int64_t)(after - read_pos) < -(int64_t)capacity))
        return TT_SHM_DAMAGED;
    memset(r, 0, sizeof(*r));
    r->page = page;
    r->slots = (uint8_t *)memory + TT_SPSC_SLOTS_AT;
    r->numbers = (tt_atomic_u64 *)(r->slots + (capacity + 1) * TT_SLOT_BYTES);
    r->mask = capacity - 1;
    r->flags = flags;
    r->clear_to = before; /* no push passes before the side is claimed */
    r->token = tt_spsc_token_(r);
    return TT_SHM_GOOD;
}

static inline tt_atomic_u64 *tt_spsc_commit_word_(const tt_spsc *r, uint64_t pos)
{
    return (tt_atomic_u64 *)(void *)(r->slots + (pos & r->mask) * TT_SLOT_BYTES);
}

/* Slots of the record whose header word is `word`: 1, 2, or 0 when it is no record. */
static inline uint64_t tt_spsc_slots_of_(uint64_t word)
{
    const uint64_t bytes = (word & 0xffffu) + 8u;
    return bytes == 64 ? 1 : bytes == 128 ? 2 : 0;
}

/* Take a side that is free, ours already, or held by a dead process. TT_OK or TT_E_STATE. */
static inline int tt_spsc_claim_(const tt_spsc *r, tt_atomic_u64 *side, tt_atomic_u64 *takeovers)
{
    uint64_t holder = tt_load_acquire64(side);
    if (holder != 0 && holder != r->token && tt_spsc_holder_alive_(holder))
        return TT_E_STATE;
    const int dead = holder != 0 && holder != r->token;
    /* Pairs with the same exchange of whoever else claims, and with the release in tt_spsc_leave.
     */
    if (!tt_cas64(side, &holder, r->token))
        return TT_E_STATE;
    if (dead)
        tt_fetch_add64(takeovers, 1);
    return TT_OK;
}

/* Become the producer. After a crash this takes up records that were committed but not counted.
 * TT_OK or TT_E_STATE. */
static inline int tt_spsc_claim_producer(tt_spsc *r)
{
    tt_spsc_page *page = r->page;
    if (tt_spsc_claim_(r, &page->producer, &page->producer_takeovers) != TT_OK)
        return TT_E_STATE;
    tt_store_release32(&page->producer_unfenced, !tt_fence_register());
    uint64_t pos = tt_load_acquire64(&page->write_pos);
    uint64_t skew = tt_load_acquire64(&page->write_skew);
    for (uint64_t i = 0; !(r->flags & TT_SPSC_OVERWRITE) && i < r->mask; i++) {
        const tt_atomic_u64 *slot = tt_spsc_commit_word_(r, pos);
        const uint64_t n = tt_spsc_slots_of_(tt_load_acquire64(slot));
        if (n == 0)
            break;
        /* A stamp knows the number even if the producer died between skew and position. */
        if (r->flags & TT_SPSC_STAMP)
            skew = pos + 1 - ((const tt_head *)(const void *)slot)->ring_seq;
        pos += n;
        skew += n - 1;
    }
    r->clear_to = pos; /* the end mark; nothing passes before the first look */
    r->claimed = 0;
    r->seen_read_pos = tt_load_acquire64(&page->read_pos);
    r->producing = 1;
    tt_store_relaxed64(&page->write_skew, skew);
    tt_store_release64(&page->write_pos, pos); /* pairs with the acquire loads of observers */
    return TT_OK;
}

/* Become the consumer: reading goes on where the last one gave back. TT_OK or TT_E_STATE. */
static inline int tt_spsc_claim_consumer(tt_spsc *r)
{
    tt_spsc_page *page = r->page;
    if (tt_spsc_claim_(r, &page->consumer, &page->consumer_takeovers) != TT_OK)
        return TT_E_STATE;
    tt_store_release32(&page->consumer_unfenced, !tt_fence_register());
    r->read_pos = tt_load_acquire64(&page->read_pos);
    r->held = TT_SPSC_HELD_NONE;
    r->consuming = 1;
    r->plain = !(r->flags & TT_SPSC_OVERWRITE);
    return TT_OK;
}

/* Give back what this handle holds, so that another may claim it. */
static inline void tt_spsc_leave(tt_spsc *r)
{
    uint64_t mine = r->token;
    if (r->producing)
        tt_cas64(&r->page->producer, &mine, 0);
    mine = r->token;
    if (r->consuming)
        tt_cas64(&r->page->consumer, &mine, 0);
    r->producing = r->consuming = r->plain = 0;
    r->claimed = 0;
    r->clear_to = tt_load_relaxed64(&r->page->write_pos);
}

#endif
