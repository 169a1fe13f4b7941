/* What anyone may ask of a ring (spsc.h) at any time: how full it is, how much went through it,
 * whether it is whole. Snapshots, from any thread and process; nothing is written. */
#ifndef TECTRA_SPSC_STATUS_H
#define TECTRA_SPSC_STATUS_H

#include "spsc_page.h"

/* How hard the consumer's lag presses on the producer. */
enum {
    TT_SPSC_PRESSURE_OK = 0,
    TT_SPSC_PRESSURE_HIGH = 1, /* high_mark slots in use, or more */
    TT_SPSC_PRESSURE_FULL = 2, /* the next push is refused, or overwrites */
};

/* Slots in use. */
static inline uint64_t tt_spsc_depth(const tt_spsc *r)
{
    /* Pairs with the release stores of both sides. */
    const uint64_t read_pos = tt_load_acquire64(&r->page->read_pos);
    const int64_t depth = (int64_t)(tt_load_acquire64(&r->page->write_pos) - read_pos);
    const int64_t most = (int64_t)r->mask + ((r->flags & TT_SPSC_OVERWRITE) ? 1 : 0);
    return depth < 0 ? 0 : (uint64_t)(depth > most ? most : depth);
}

static inline int tt_spsc_pressure(const tt_spsc *r)
{
    const uint64_t depth = tt_spsc_depth(r);
    if (depth >= r->mask + ((r->flags & TT_SPSC_OVERWRITE) ? 1 : 0))
        return TT_SPSC_PRESSURE_FULL;
    /* Relaxed: a threshold seen late is no worse. */
    return depth >= tt_load_relaxed64(&r->page->high_mark) ? TT_SPSC_PRESSURE_HIGH
                                                           : TT_SPSC_PRESSURE_OK;
}

/* The high mark, from 1 slot to all of them: TT_OK or TT_E_RANGE. Any thread or process. */
static inline int tt_spsc_set_high_mark(tt_spsc *r, uint64_t slots)
{
    if (slots == 0 || slots > r->mask + 1)
        return TT_E_RANGE;
    tt_store_relaxed64(&r->page->high_mark, slots);
    return TT_OK;
}

/* A position less its skew. The skew moves first, so a reader in between is one short. */
static inline uint64_t tt_spsc_records_(const tt_atomic_u64 *pos, const tt_atomic_u64 *skew)
{
    const uint64_t before = tt_load_acquire64(skew);
    const int64_t records = (int64_t)(tt_load_acquire64(pos) - before);
    return records < 0 ? 0 : (uint64_t)records;
}

/* Records pushed so far: also the number of the newest. */
static inline uint64_t tt_spsc_pushed(const tt_spsc *r)
{
    const tt_spsc_page *page = r->page;
    if (r->flags & TT_SPSC_OVERWRITE)
        return tt_load_acquire64(&page->pushed);
    return tt_spsc_records_(&page->write_pos, &page->write_skew);
}

/* Records read so far. */
static inline uint64_t tt_spsc_popped(const tt_spsc *r)
{
    const tt_spsc_page *page = r->page;
    if (r->flags & TT_SPSC_OVERWRITE)
        return tt_load_acquire64(&page->popped);
    return tt_spsc_records_(&page->read_pos, &page->read_skew);
}

/* Integrity of a lossless ring at rest: positions, each record's length, and the end mark. TT_OK or
 * TT_E_CORRUPT. */
static inline int tt_spsc_check(const tt_spsc *r)
{
    const uint64_t end = tt_load_acquire64(&r->page->write_pos);
    uint64_t pos = tt_load_acquire64(&r->page->read_pos);
    if (r->flags & TT_SPSC_OVERWRITE)
        return tt_load_acquire64(&r->page->intent_pos) - end <= 2 ? TT_OK : TT_E_CORRUPT;
    if (end - pos > r->mask)
        return TT_E_CORRUPT;
    while (pos != end) {
        const uint64_t n = tt_spsc_slots_of_(tt_load_acquire64(tt_spsc_commit_word_(r, pos)));
        if (n == 0 || n > end - pos)
            return TT_E_CORRUPT;
        pos += n;
    }
    return tt_load_acquire64(tt_spsc_commit_word_(r, end)) == 0 ? TT_OK : TT_E_CORRUPT;
}

#endif
