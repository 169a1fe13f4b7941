/* Memory of the order-by-order book: what it holds, how it grows.
 *
 *   order_ref -> index (pages of u32, or table) -> tt_l3_node -> tt_l3_level -> tt_l3_book
 *   near: (slot, side) -> tt_window -> the tick's place in a ring of tt_l3_level (window.h)
 *   far:  (slot, side, px) -> far hash (u64: 32-bit hash and level) -> tt_l3_level, and
 *         (slot, side) -> array of tt_l3_rung, sorted, the best price last (ladder.h)
 *
 * Links are indices, never pointers, and index 0 is "none": each arena can be moved to larger
 * memory between two calls. An order finds its level, its instrument and its side with one load.
 * Memory comes from the owner (tt_l3_attach, tt_l3_regrow). One thread writes. */
#ifndef TECTRA_L3_STATE_H
#define TECTRA_L3_STATE_H

#include <string.h>

#include "base.h"
#include "msg.h"
#include "pool.h"
#include "table.h"

/* Best prices of one instrument. An empty side: px TT_NO_PX, qty and orders 0. */
typedef struct {
    int64_t bid_px, bid_qty, ask_px, ask_qty;
    uint32_t bid_orders, ask_orders;
} tt_top;

typedef struct {
    int64_t qty;
    uint64_t prio;
    uint32_t level, next, prev; /* next: behind in the queue */
    uint32_t
        ref_lo; /* high half: tt_l3.ref_hi, which stays untouched while references are below 2^32 */
} tt_l3_node;
_Static_assert(sizeof(tt_l3_node) == 32, "tt_l3_node: size");

typedef struct {
    int64_t px, qty;
    uint32_t head, tail, orders;
    uint32_t slot_side; /* slot << 1 | side index */
} tt_l3_level;
_Static_assert(sizeof(tt_l3_level) == 32, "tt_l3_level: size");

/* One step of the price ladder. key grows towards the best price: px for bids, -px for asks. */
typedef struct {
    int64_t key;
    uint32_t level, pad;
} tt_l3_rung;
_Static_assert(sizeof(tt_l3_rung) == 16, "tt_l3_rung: size");

/* The ticks next to the best price of one side, each with a level of its own in a ring of levels:
 * tick t (key / unit) stands at first + (t mod TT_WINDOW), so the window slides without a move. */
#define TT_WINDOW 256u
#define TT_WINDOW_WORDS (TT_WINDOW / 64)
typedef struct {
    int64_t base;     /* lowest tick; TT_WINDOW_NONE: there is no window yet */
    int64_t unit;     /* px of a tick */
    uint64_t inverse; /* of the odd part of unit, modulo 2^64 */
    uint32_t first;   /* level of tick 0; 0: none */
    uint8_t shift;    /* unit = odd part << shift */
    uint8_t patience; /* log2 of the far births that are borne before the next look */
    uint16_t missed;  /* far births since the last look */
    uint64_t used[TT_WINDOW_WORDS]; /* ticks with orders, by place in the ring */
} tt_window;
_Static_assert(sizeof(tt_window) == 64, "tt_window: one line");
#define TT_WINDOW_NONE ((int64_t)1 << 62)

/* Line 0 is what every message needs, lines 1 and 2 the windows of bids and asks, line 3 is for
 * growth and trouble. */
typedef struct {
    union {
        tt_top top;
        struct {
            struct {
                int64_t px, qty;
            } best[2];
            uint32_t orders[2];
        } by;
    };
    uint32_t levels[2]; /* near and far */
    uint32_t instrument_id, orders;
    uint64_t faults; /* records of this instrument that could not be applied */
    tt_window window[2];
    uint32_t far[2];   /* rungs */
    uint32_t rungs[2]; /* offset of their block in the rung arena, 0: none yet */
    uint32_t cls[2];   /* size class of that block */
    uint8_t pad[40];
} tt_l3_book;
_Static_assert(sizeof(tt_l3_book) == 256, "tt_l3_book: size");
_Static_assert(offsetof(tt_l3_book, window) == 64, "tt_l3_book: line 1");
_Static_assert(offsetof(tt_l3_book, by.orders) == offsetof(tt_l3_book, top.bid_orders),
               "tt_l3_book: top");

#define TT_L3_PAGE_BITS 12u
#define TT_L3_PAGE (1u << TT_L3_PAGE_BITS)
#define TT_L3_PAGES_MAX (1u << 20) /* 2^32 references from ref_base on */
#define TT_L3_IDS 65536u /* instrument ids below are looked up in an array, others in a table */
#define TT_L3_LEVELS_MAX (1u << 31)

/* Arenas that grow. Sizes in items; TT_L3_FAR, TT_L3_REFS and TT_L3_OTHER_IDS are powers of two. */
enum {
    TT_L3_ORDERS,
    TT_L3_LEVELS,
    TT_L3_FAR,
    TT_L3_RUNGS,
    TT_L3_PAGES,
    TT_L3_REFS,
    TT_L3_OTHER_IDS,
    TT_L3_ARENAS
};

typedef struct {
    tt_l3_book *books;
    tt_l3_node *orders;
    tt_l3_level *levels;
    uint64_t *far_hash; /* far_cap entries, half of them used at most */
    tt_l3_rung *rungs;
    uint32_t *pages;   /* page_cap pages of TT_L3_PAGE order indices */
    uint32_t *page_of; /* TT_L3_PAGES_MAX: 1 + page of a run of references, 0: none */
    uint32_t *slot_of; /* TT_L3_IDS: 1 + slot */
    uint32_t *ref_hi;  /* one per order, after `orders` in the same arena */
    uint64_t ref_base; /* first run of references that the pages may hold */
    uint64_t next_prio;
    uint64_t adds; /* orders ever added: pages must pay their way */
    tt_pool order_pool, level_pool;
    tt_blocks rung_blocks;
    tt_table refs, other_ids;
    uint32_t slots, slots_max;
    uint32_t page_cap, page_used;
    uint32_t far_cap, far_count;
    uint32_t short_of; /* arena that the last TT_E_FULL asked for */
    uint32_t has_base;
} tt_l3;

static inline size_t tt_l3_arena_bytes(uint32_t arena, uint32_t cap)
{
    switch (arena) {
    case TT_L3_ORDERS:
        return (size_t)cap * (sizeof(tt_l3_node) + sizeof(uint32_t));
    case TT_L3_LEVELS:
        return (size_t)cap * sizeof(tt_l3_level);
    case TT_L3_FAR:
        return (size_t)cap * sizeof(uint64_t);
    case TT_L3_RUNGS:
        return (size_t)cap * sizeof(tt_l3_rung);
    case TT_L3_PAGES:
        return (size_t)cap * TT_L3_PAGE * sizeof(uint32_t);
    default:
        return tt_table_bytes(cap);
    }
}

static inline uint32_t tt_l3_arena_cap(const tt_l3 *b, uint32_t arena)
{
    const uint32_t caps[TT_L3_ARENAS] = {b->order_pool.cap,  b->level_pool.cap, b->far_cap,
                                         b->rung_blocks.cap, b->page_cap,       b->refs.cap,
                                         b->other_ids.cap};
    TT_ASSERT(arena < TT_L3_ARENAS);
    return caps[arena];
}

/* Bytes of the part that does not grow: books, page directory, id map. */
static inline size_t tt_l3_fixed_bytes(uint32_t slots_max)
{
    return (size_t)slots_max * sizeof(tt_l3_book) +
           (TT_L3_PAGES_MAX + TT_L3_IDS) * sizeof(uint32_t);
}

/* 32 bits that home a far level in the hash; kept in the entry, so that growth and deletion read
 * no level. */
static inline uint32_t tt_l3_hash(uint32_t slot_side, int64_t px)
{
    const uint64_t h =
        ((uint64_t)px + (uint64_t)slot_side * 0x9E3779B97F4A7C15u) * 0xD6E8FEB86659FD93u;
    return (uint32_t)(h >> 32);
}

static inline uint32_t tt_l3_hash_mask(const tt_l3 *b)
{
    return b->far_cap - 1;
}

static inline void tt_l3_hash_put(tt_l3 *b, uint32_t hash, uint32_t level)
{
    const uint32_t mask = tt_l3_hash_mask(b);
    uint32_t i = hash & mask;
    for (uint32_t n = 0; n <= mask && b->far_hash[i]; n++)
        i = (i + 1) & mask;
    TT_ASSERT(b->far_hash[i] == 0 && level != 0);
    b->far_hash[i] = (uint64_t)hash << 32 | level;
}

static inline void tt_l3_set_levels(tt_l3 *b, void *mem, uint32_t cap)
{
    TT_ASSERT(cap >= 2 && cap < TT_L3_LEVELS_MAX);
    b->levels = (tt_l3_level *)mem;
    b->level_pool.cap = cap;
}

static inline void tt_l3_set_far(tt_l3 *b, void *mem, uint32_t cap)
{
    TT_ASSERT(cap >= 2 && (cap & (cap - 1)) == 0);
    b->far_hash = (uint64_t *)mem;
    b->far_cap = cap;
}

static inline void tt_l3_set_orders(tt_l3 *b, void *mem, uint32_t cap)
{
    b->orders = (tt_l3_node *)mem;
    b->ref_hi = (uint32_t *)(void *)(b->orders + cap);
    b->order_pool.cap = cap;
}

/* Start an empty book set. `fixed` has tt_l3_fixed_bytes, mem[a] tt_l3_arena_bytes(a, cap[a]); all
 * zeroed, 64-aligned. */
static inline void tt_l3_attach(tt_l3 *b, uint32_t slots_max, void *fixed,
                                void *const mem[TT_L3_ARENAS], const uint32_t cap[TT_L3_ARENAS])
{
    memset(b, 0, sizeof *b);
    b->books = (tt_l3_book *)fixed;
    b->page_of = (uint32_t *)(void *)(b->books + slots_max);
    b->slot_of = b->page_of + TT_L3_PAGES_MAX;
    b->slots_max = slots_max;
    b->next_prio = 1;
    tt_pool_init(&b->order_pool, cap[TT_L3_ORDERS]);
    tt_pool_init(&b->level_pool, cap[TT_L3_LEVELS]);
    tt_blocks_init(&b->rung_blocks, cap[TT_L3_RUNGS]);
    tt_l3_set_orders(b, mem[TT_L3_ORDERS], cap[TT_L3_ORDERS]);
    tt_l3_set_levels(b, mem[TT_L3_LEVELS], cap[TT_L3_LEVELS]);
    tt_l3_set_far(b, mem[TT_L3_FAR], cap[TT_L3_FAR]);
    b->rungs = (tt_l3_rung *)mem[TT_L3_RUNGS];
    b->pages = (uint32_t *)mem[TT_L3_PAGES];
    b->page_cap = cap[TT_L3_PAGES];
    tt_table_init(&b->refs, mem[TT_L3_REFS], cap[TT_L3_REFS]);
    tt_table_init(&b->other_ids, mem[TT_L3_OTHER_IDS], cap[TT_L3_OTHER_IDS]);
}

/* Move one arena to larger zeroed memory; returns the old memory for the owner to free. */
static inline void *tt_l3_regrow(tt_l3 *b, uint32_t arena, void *mem, uint32_t cap)
{
    const tt_l3 old = *b;
    TT_ASSERT(arena < TT_L3_ARENAS && cap > tt_l3_arena_cap(b, arena));
    switch (arena) {
    case TT_L3_ORDERS:
        tt_l3_set_orders(b, mem, cap);
        memcpy(b->orders, old.orders, (size_t)b->order_pool.used * sizeof *b->orders);
        memcpy(b->ref_hi, old.ref_hi, (size_t)b->order_pool.used * sizeof *b->ref_hi);
        return old.orders;
    case TT_L3_LEVELS:
        tt_l3_set_levels(b, mem, cap);
        memcpy(b->levels, old.levels, (size_t)b->level_pool.used * sizeof *b->levels);
        return old.levels;
    case TT_L3_FAR:
        tt_l3_set_far(b, mem, cap);
        for (uint32_t i = 0; i <= tt_l3_hash_mask(&old); i++)
            if (old.far_hash[i])
                tt_l3_hash_put(b, (uint32_t)(old.far_hash[i] >> 32), (uint32_t)old.far_hash[i]);
        return old.far_hash;
    case TT_L3_RUNGS:
        b->rungs = (tt_l3_rung *)mem;
        b->rung_blocks.cap = cap;
        memcpy(mem, old.rungs, (size_t)old.rung_blocks.used * sizeof *b->rungs);
        return old.rungs;
    case TT_L3_PAGES:
        b->pages = (uint32_t *)mem;
        b->page_cap = cap;
        memcpy(mem, old.pages, (size_t)b->page_used * TT_L3_PAGE * sizeof *b->pages);
        return old.pages;
    default:
        return tt_table_regrow(arena == TT_L3_REFS ? &b->refs : &b->other_ids, mem, cap);
    }
}

#endif
