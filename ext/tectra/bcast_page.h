/* The page and the handles of the broadcast ring: layout, making, opening, who may write, who
 * reads. The operations are in bcast.h.
 *
 * A slot is 64 bytes; a record takes one or two. A 128-byte record that starts in the last slot
 * spills into one spare slot behind it and uses up position 0 of the next lap.
 *
 * Stamp: twice the number of the record that starts in the slot, plus 1 when it takes two slots; 0
 * for a second half, for a slot never written, and while a slot is written. Numbers start at 1 and
 * each lives at one position, so that the stamp alone tells a reader "yours", "not yet" or "gone".
 * The stamps and tags lie beside the slots: a reader that filters passes four records it does not
 * want in one cache line.
 */
#ifndef TECTRA_BCAST_PAGE_H
#define TECTRA_BCAST_PAGE_H

#include "shm.h"

#include <string.h>

#define TT_BCAST_PLACES 64u
#define TT_BCAST_NAME_WORDS 5u
#define TT_BCAST_NAME_BYTES (TT_BCAST_NAME_WORDS * 8u) /* with the closing 0 */
#define TT_BCAST_CAPACITY_MIN 8u
#define TT_BCAST_CAPACITY_MAX (1ull << 32)
#define TT_BCAST_CONTROL_AT 8448u /* where the stamps and tags start */
#define TT_BCAST_CLAIM_SLOTS 32u  /* slots that one claim may hold */
/* Tries of something that a writer which laps the reader each time could keep from ever succeeding.
 */
#define TT_BCAST_TRIES_MAX 16
#define TT_BCAST_EVERYONE                                                                          \
    UINT64_MAX /* the tag every mask meets, and the mask that meets every tag */
/* Off the fast path, and kept out of it. */
#define TT_BCAST_COLD __attribute__((noinline, unused)) static

enum {
    TT_BCAST_STAMP = 1, /* the ring writes its own record number into ring_seq */
};

/* Where a new reader starts. */
enum { TT_BCAST_NEWEST = 0, TT_BCAST_OLDEST = 1 };

/*  byte 0       8     16     24     32        40     48     56         64
 *       +-------+-----+------+------+---------+------+------+----------+
 *       | owner | pos | next | read | skipped | lost | gaps | lag high |
 *       +-------+-----+------+------+---------+------+------+----------+
 *       64      72        80       88                                  128
 *       +------+---------+--------+------------------------------------+
 *       | mask | beat ns | joined | name, 40 bytes                     |
 *       +------+---------+--------+------------------------------------+
 *  Written by the reader that owns it, read by anyone. read + skipped + lost = next - joined.
 */
typedef struct {
    tt_atomic_u64 owner;    /* pid << 32 | start time, 0: free */
    tt_atomic_u64 pos;      /* slot position of the next record */
    tt_atomic_u64 next;     /* its number */
    tt_atomic_u64 read;     /* records handed out */
    tt_atomic_u64 skipped;  /* records seen whose tag the mask does not meet */
    tt_atomic_u64 lost;     /* records overwritten before they were seen, of whatever tag */
    tt_atomic_u64 gaps;     /* gap records handed out */
    tt_atomic_u64 lag_high; /* records behind the writer at most, when it was looked at */
    tt_atomic_u64 mask;
    tt_atomic_u64 beat_ns;
    tt_atomic_u64 joined; /* number of the first record it could see */
    tt_atomic_u64 name[TT_BCAST_NAME_WORDS];
} tt_bcast_place;

typedef struct {
    tt_atomic_u64 stamp, tag;
} tt_bcast_control;

/*  byte 0             64    128      192   256                8448               8448 + 16 x cap
 *       +-------------+-----+--------+-----+------------------+------------------+------------
 *       | tt_shm_head |  0  | writer |  0  | places, 64 x 128 | stamp, tag x cap | slots, 64 x
 *       |             |     |        |     |                  |                  | (cap + 1)
 *       +-------------+-----+--------+-----+------------------+------------------+------------
 *  The writer's line is written by the writer alone; so are stamps, tags and slots.
 */
typedef struct {
    tt_shm_head head;
    uint8_t pad0[64];
    tt_atomic_u64 write_pos;  /* slots ever written: where the next record goes */
    tt_atomic_u64 intent_pos; /* slots before this one may be under way. Never falls */
    tt_atomic_u64 published;  /* records */
    tt_atomic_u64 writer;     /* pid << 32 | start time of the holder, 0: free */
    tt_atomic_u64 writer_beat_ns;
    tt_atomic_u64 takeovers; /* times the writer's side was taken from a dead process */
    tt_atomic_u64 aborted;   /* claims given up */
    tt_atomic_u64 first_pos; /* the first position there ever was */
    uint8_t pad1[64];
    tt_bcast_place place[TT_BCAST_PLACES];
} tt_bcast_page;

_Static_assert(sizeof(tt_bcast_place) == 128 && offsetof(tt_bcast_place, mask) == 64,
               "a place is two lines, of which the second rarely changes");
_Static_assert(sizeof(tt_bcast_control) == 16, "four to a line");
_Static_assert(offsetof(tt_bcast_page, write_pos) == 128, "writer line");
_Static_assert(offsetof(tt_bcast_page, place) == 256, "places, 128 bytes from the writer's line");
_Static_assert(sizeof(tt_bcast_page) == TT_BCAST_CONTROL_AT, "stamps follow the places");
_Static_assert(TT_BCAST_CONTROL_AT % TT_FALSE_SHARING == 0, "stamps start a line");

/* The handle of a process, and of its writer if it is that: 128-aligned memory of the caller. */
typedef struct {
    _Alignas(TT_FALSE_SHARING) tt_bcast_page *page;
    tt_bcast_control *control;
    uint8_t *slots;
    uint64_t mask;
    uint64_t owner; /* this process */
    uint32_t flags;
    uint32_t writing; /* this handle holds the writer's side */
    uint32_t claimed; /* slots of the claim that is open, 0: none */
    _Alignas(TT_FALSE_SHARING) uint8_t claim[TT_BCAST_CLAIM_SLOTS * TT_SLOT_BYTES];
} tt_bcast;

/* The handle of a reader: 128-aligned memory of the caller, used by one thread. */
typedef struct {
    _Alignas(TT_FALSE_SHARING) tt_bcast_page *page;
    tt_bcast_control *control;
    uint8_t *slots;
    tt_bcast_place *place; /* in the page, or `own` for a reader that is not listed */
    uint64_t ring_mask;
    uint64_t owner;
    uint64_t mask;      /* of tags */
    uint64_t pos, next; /* position and number of the next record */
    uint64_t read, skipped, lost, gaps;
    tt_bcast_place own;
} tt_bcast_reader;

static inline int tt_bcast_capacity_ok(uint64_t capacity)
{
    return capacity >= TT_BCAST_CAPACITY_MIN && capacity <= TT_BCAST_CAPACITY_MAX &&
           (capacity & (capacity - 1)) == 0;
}

/* Bytes of a page; capacity in slots, a power of two from 8 to 2^32, else 0. */
static inline uint64_t tt_bcast_bytes(uint64_t capacity)
{
    if (!tt_bcast_capacity_ok(capacity))
        return 0;
    return TT_BCAST_CONTROL_AT + capacity * sizeof(tt_bcast_control) +
           (capacity + 1) * TT_SLOT_BYTES;
}

static inline uint32_t tt_bcast_layout(void)
{
    const uint32_t words[] = {sizeof(tt_bcast_page),
                              sizeof(tt_bcast_control),
                              TT_BCAST_PLACES,
                              TT_SLOT_BYTES,
                              offsetof(tt_bcast_page, write_pos),
                              offsetof(tt_bcast_page, intent_pos),
                              offsetof(tt_bcast_page, published),
                              offsetof(tt_bcast_page, place),
                              offsetof(tt_bcast_place, mask),
                              offsetof(tt_bcast_place, name)};
    return tt_layout_hash(words, sizeof words / sizeof *words);
}

/* Make a ring in zeroed memory of tt_bcast_bytes. `start` is the first position: 0, except where a
 * test wants the wrap near. */
static inline int tt_bcast_init(void *memory, uint64_t capacity, uint32_t flags, uint64_t start,
                                int64_t now_ns)
{
    tt_bcast_page *page = (tt_bcast_page *)memory;
    if (!tt_bcast_capacity_ok(capacity) || (flags & ~(uint32_t)TT_BCAST_STAMP) != 0)
        return TT_E_RANGE;
    TT_ASSERT(((uintptr_t)memory & (TT_FALSE_SHARING - 1)) == 0);
    tt_shm_head_init(&page->head, tt_bcast_bytes(capacity), capacity, flags, tt_bcast_layout(),
                     now_ns);
    tt_store_relaxed64(&page->write_pos, start);
    tt_store_relaxed64(&page->intent_pos, start);
    tt_store_relaxed64(&page->first_pos, start);
    tt_shm_publish(&page->head, TT_SHM_MAGIC_BCAST);
    return TT_OK;
}

/* This process, as writers and readers sign. */
static inline uint64_t tt_bcast_owner_(void)
{
    const uint32_t pid = (uint32_t)getpid();
    return (uint64_t)pid << 32 | tt_pid_start(pid);
}

static inline int tt_bcast_owner_alive(uint64_t owner)
{
    return tt_pid_alive((uint32_t)(owner >> 32), (uint32_t)owner);
}

/* Verify a page and bind a handle to it: one of TT_SHM_*. The writer's side is not claimed yet. */
static inline int tt_bcast_open(tt_bcast *r, void *memory, uint64_t bytes)
{
    tt_bcast_page *page = (tt_bcast_page *)memory;
    TT_ASSERT(((uintptr_t)r & (TT_FALSE_SHARING - 1)) == 0);
    const int reason = tt_shm_check(&page->head, bytes, TT_SHM_MAGIC_BCAST, tt_bcast_layout());
    if (reason != TT_SHM_GOOD)
        return reason;
    const uint64_t capacity = page->head.capacity;
    if (!tt_bcast_capacity_ok(capacity) || (page->head.flags & ~(uint32_t)TT_BCAST_STAMP) != 0 ||
        page->head.total_bytes != tt_bcast_bytes(capacity))
        return TT_SHM_WRONG_SIZE;
    /* Pairs with the release stores of write_pos: the intent before it is seen too. A writer is
     * never more than a quarter of the ring ahead of what it has counted. */
    const uint64_t done = tt_load_acquire64(&page->write_pos);
    if ((int64_t)(tt_load_acquire64(&page->intent_pos) - done) < 0)
        return TT_SHM_DAMAGED;
    memset(r, 0, sizeof(*r));
    r->page = page;
    r->control = (tt_bcast_control *)(void *)((uint8_t *)memory + TT_BCAST_CONTROL_AT);
    r->slots = (uint8_t *)(r->control + capacity);
    r->mask = capacity - 1;
    r->flags = page->head.flags;
    r->owner = tt_bcast_owner_();
    return TT_SHM_GOOD;
}

/* Slots of the record whose header word is `word`: 1, 2, or 0 when it is no record. */
static inline uint64_t tt_bcast_slots_of_(uint64_t word)
{
    const uint64_t bytes = (word & 0xffffu) + 8u;
    return bytes == 64 ? 1 : bytes == 128 ? 2 : 0;
}

static inline uint64_t tt_bcast_slots_in_(uint64_t stamp)
{
    return 1 + (stamp & 1);
}

/* Become the writer. TT_OK, or TT_E_STATE while another live handle is. After a crash this takes up
 * the records that readers may have seen but the dead writer did not count, and makes the stamps of
 * a batch it did not finish void. */
static inline int tt_bcast_claim_writer(tt_bcast *r)
{
    tt_bcast_page *page = r->page;
    uint64_t holder = tt_load_acquire64(&page->writer);
    if (r->writing)
        return TT_OK;
    if (holder != 0 && (holder == r->owner || tt_bcast_owner_alive(holder)))
        return TT_E_STATE;
    const int dead = holder != 0;
    /* Pairs with the same exchange of whoever else claims, and with the one in tt_bcast_leave. */
    if (!tt_cas64(&page->writer, &holder, r->owner))
        return TT_E_STATE;
    if (dead)
        tt_fetch_add64(&page->takeovers, 1);
    uint64_t pos = tt_load_acquire64(&page->write_pos);
    /* The number before the record at `pos`: both counters may lag behind the stamps. */
    uint64_t number = tt_load_acquire64(&page->published);
    for (uint64_t i = 1; dead && i <= 2 && pos != tt_load_relaxed64(&page->first_pos); i++) {
        const uint64_t before = tt_load_acquire64(&r->control[(pos - i) & r->mask].stamp);
        if (before != 0) { /* else the second half of a record: the slot before starts it */
            number = before >> 1;
            break;
        }
    }
    for (uint64_t i = 0; dead && i <= r->mask; i++) {
        const uint64_t stamp = tt_load_acquire64(&r->control[pos & r->mask].stamp);
        if (stamp >> 1 != number + 1)
            break;
        pos += tt_bcast_slots_in_(stamp);
        number++;
    }
    for (uint64_t i = 0; dead && i <= r->mask; i++)
        if (tt_load_acquire64(&r->control[i].stamp) >> 1 > number)
            tt_store_release64(&r->control[i].stamp, 0); /* nobody read it: the first was missing */
    tt_store_release64(&page->write_pos, pos); /* pairs with the acquire loads of the readers */
    tt_store_release64(&page->published, number);
    r->writing = 1;
    return TT_OK;
}

/* Give the writer's side back, so that another may claim it. */
static inline void tt_bcast_leave(tt_bcast *r)
{
    uint64_t mine = r->owner;
    if (r->writing)
        tt_cas64(&r->page->writer, &mine, 0);
    r->writing = 0;
    r->claimed = 0;
}

/* Give up the places of dead readers; how many there were. */
static inline uint32_t tt_bcast_reclaim_places(tt_bcast *r)
{
    uint32_t freed = 0;
    for (uint32_t i = 0; i < TT_BCAST_PLACES; i++) {
        uint64_t owner = tt_load_acquire64(&r->page->place[i].owner);
        if (owner != 0 && !tt_bcast_owner_alive(owner))
            /* Pairs with the exchange of whoever takes the place. */
            freed += tt_cas64(&r->page->place[i].owner, &owner, 0) ? 1u : 0u;
    }
    return freed;
}

/* A place for this process: a free one, else one whose reader is dead; NULL when 64 live. */
static inline tt_bcast_place *tt_bcast_take_place_(const tt_bcast *r)
{
    for (int dead = 0; dead < 2; dead++)
        for (uint32_t i = 0; i < TT_BCAST_PLACES; i++) {
            tt_bcast_place *place = &r->page->place[i];
            uint64_t owner = tt_load_acquire64(&place->owner);
            if (owner != 0 && (!dead || tt_bcast_owner_alive(owner)))
                continue;
            /* Pairs with the same exchange of another reader that wants it. */
            if (tt_cas64(&place->owner, &owner, r->owner))
                return place;
        }
    return NULL;
}

#endif
