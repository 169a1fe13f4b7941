/* Single-producer single-consumer ring of records, in shared or private memory. Bounded: a full
 * ring refuses (TT_E_FULL).
 *
 * One thread pushes, one thread peeks and releases, in the same or in different processes; anyone
 * may read the counters. Layout and commit rule: spsc_page.h. The lossy mode: spsc_lossy.h.
 *
 *   tt_spsc_try_push(r, rec)        one record, TT_OK | TT_E_FULL | TT_E_LENGTH | TT_E_STATE
 * (another live producer) tt_spsc_try_push_n(r, slots, n) whole records out of n slots, visible all
 * at once; slots taken tt_spsc_peek(r) / _release(r)   the next record in place, or NULL; give it
 * back tt_spsc_peek_run / _release_run a contiguous run of records, with the end of the batch
 *   tt_spsc_try_pop(r, out)         copy one out
 */
#ifndef TECTRA_SPSC_H
#define TECTRA_SPSC_H

#include "spsc_lossy.h"
#include "spsc_page.h"

/* Records that lie one behind another. */
typedef struct {
    const tt_head *first;
    uint32_t slots, records;
    uint32_t end_of_batch; /* 1: nothing was committed behind this run when it was looked at */
} tt_spsc_run;

/* Producer: make room for n slots behind `pos` and clear the commit words of the next chunk. Looks
 * at the consumer's line only when the ring may be full, or fuller than ever. TT_OK or TT_E_FULL.
 */
TT_SPSC_COLD int tt_spsc_room_(tt_spsc *r, uint64_t pos, uint64_t n)
{
    tt_spsc_page *page = r->page;
    TT_ASSERT(r->producing && r->clear_to - pos < TT_SPSC_CHUNK + 2);
    const uint64_t want = pos + n + TT_SPSC_CHUNK - 1;
    const uint64_t high = tt_load_relaxed64(&page->high_water);
    const uint64_t mark = high > TT_SPSC_MARK_MIN ? high : TT_SPSC_MARK_MIN;
    if (want - r->seen_read_pos > (mark < r->mask ? mark : r->mask)) {
        /* Pairs with the release store of the consumer: it has finished reading the slots before.
         */
        r->seen_read_pos = tt_load_acquire64(&page->read_pos);
        const uint64_t depth = pos - r->seen_read_pos;
        const uint64_t after = depth + n > r->mask ? depth : depth + n;
        if (after > high)
            tt_store_relaxed64(&page->high_water, after);
        if (depth + n > r->mask)
            return TT_E_FULL;
    }
    const uint64_t most = r->seen_read_pos + r->mask;
    const uint64_t end = (int64_t)(want - most) < 0 ? want : most;
    for (uint64_t p = r->clear_to + 1; (int64_t)(end - p) >= 0; p++)
        tt_store_relaxed64(tt_spsc_commit_word_(r, p), 0); /* ahead of the commit that leads here */
    r->clear_to = end;
    return TT_OK;
}

static inline int tt_spsc_has_room_(const tt_spsc *r, uint64_t pos, uint64_t n)
{
    return (int64_t)(r->clear_to - (pos + n)) >= 0;
}

/* Everything of a record but its commit word; the number goes into ring_seq where the ring stamps.
 */
static inline void tt_spsc_fill_(const tt_spsc *r, uint8_t *slot, const void *rec, uint64_t n,
                                 uint64_t number)
{
    if (TT_LIKELY(n == 1))
        memcpy(slot + 8, (const uint8_t *)rec + 8, TT_SLOT_BYTES - 8);
    else
        memcpy(slot + 8, (const uint8_t *)rec + 8, TT_RECORD_BYTES_MAX - 8);
    if (r->flags & TT_SPSC_STAMP)
        ((tt_head *)(void *)slot)->ring_seq = number;
}

static inline uint64_t tt_spsc_word_(const void *rec)
{
    uint64_t word;
    memcpy(&word, rec, sizeof(word));
    return word;
}

/* Copy in, commit, count. There is room, so the slot behind is the end mark already. */
static inline void tt_spsc_put_(tt_spsc *r, uint64_t pos, const void *rec, uint64_t n)
{
    tt_spsc_page *page = r->page;
    tt_atomic_u64 *slot = tt_spsc_commit_word_(r, pos);
    const uint64_t number = tt_load_relaxed64(&page->pushed) + 1;
    tt_spsc_fill_(r, (uint8_t *)slot, rec, n, number);
    tt_store_release64(slot, tt_spsc_word_(rec)); /* pairs with the acquire load in tt_spsc_peek */
    tt_store_relaxed64(&page->pushed, number);
    tt_store_release64(&page->write_pos, pos + n); /* pairs with the acquire loads of observers */
}

/* The first push, a wide record, a lossy ring, no room, or time to look at the other side. */
TT_SPSC_COLD int tt_spsc_push_slow_(tt_spsc *r, const void *rec)
{
    const uint64_t n = tt_spsc_slots_of_(tt_spsc_word_(rec));
    if (TT_UNLIKELY(n == 0))
        return TT_E_LENGTH;
    if (TT_UNLIKELY(!r->producing) && tt_spsc_claim_producer(r) != TT_OK)
        return TT_E_STATE;
    const uint64_t pos = tt_load_relaxed64(&r->page->write_pos);
    if (r->flags & TT_SPSC_OVERWRITE) {
        tt_spsc_push_lossy_(r, rec, n);
        return TT_OK;
    }
    if (!tt_spsc_has_room_(r, pos, n) && tt_spsc_room_(r, pos, n) != TT_OK) {
        tt_bump64(&r->page->full_count, 1);
        return TT_E_FULL;
    }
    tt_spsc_put_(r, pos, rec, n);
    return TT_OK;
}

static inline int tt_spsc_try_push(tt_spsc *r, const void *rec)
{
    const uint64_t pos = tt_load_relaxed64(&r->page->write_pos);
    if (TT_UNLIKELY((tt_spsc_word_(rec) & 0xffffu) != TT_SLOT_BYTES - 8 ||
                    !tt_spsc_has_room_(r, pos, 1)))
        return tt_spsc_push_slow_(r, rec);
    tt_spsc_put_(r, pos, rec, 1);
    return TT_OK;
}

/* Push whole records out of n_slots contiguous slots: as many as fit, made visible together. The
 * slots taken (0: the ring is full), or TT_E_LENGTH when the first record is none or is cut,
 * TT_E_STATE. */
static inline int64_t tt_spsc_try_push_n(tt_spsc *r, const void *slots, uint64_t n_slots)
{
    tt_spsc_page *page = r->page;
    const uint8_t *in = (const uint8_t *)slots;
    if (TT_UNLIKELY(!r->producing) && tt_spsc_claim_producer(r) != TT_OK)
        return TT_E_STATE;
    if (r->flags & TT_SPSC_OVERWRITE)
        return tt_spsc_push_n_lossy_(r, slots, n_slots);
    const uint64_t start = tt_load_relaxed64(&page->write_pos);
    uint64_t pos = start, number = tt_load_relaxed64(&page->pushed), first = 0;
    int rc = TT_OK;
    while (pos - start < n_slots) {
        const uint8_t *rec = in + (pos - start) * TT_SLOT_BYTES;
        const uint64_t word = tt_spsc_word_(rec);
        const uint64_t n = tt_spsc_slots_of_(word);
        if (TT_UNLIKELY(n == 0 || pos - start + n > n_slots))
            rc = TT_E_LENGTH;
        else if (TT_UNLIKELY(!tt_spsc_has_room_(r, pos, n)))
            rc = tt_spsc_room_(r, pos, n);
        if (TT_UNLIKELY(rc != TT_OK))
            break;
        tt_atomic_u64 *slot = tt_spsc_commit_word_(r, pos);
        tt_spsc_fill_(r, (uint8_t *)slot, rec, n, ++number);
        if (pos == start)
            first = word;
        else
            tt_store_relaxed64(slot, word); /* hidden behind the end mark the first slot still is */
        pos += n;
    }
    if (pos == start) {
        if (rc == TT_E_FULL)
            tt_bump64(&page->full_count, 1);
        return rc == TT_E_FULL ? 0 : rc;
    }
    /* All of them at once; pairs with the acquire load in tt_spsc_peek. */
    tt_store_release64(tt_spsc_commit_word_(r, start), first);
    tt_store_relaxed64(&page->pushed, number);
    tt_store_release64(&page->write_pos, pos);
    return (int64_t)(pos - start);
}

/* The first peek claims the side. 1 when the fast path may go on. */
TT_SPSC_COLD int tt_spsc_is_plain_(tt_spsc *r)
{
    if (!r->consuming)
        (void)tt_spsc_claim_consumer(r);
    return (int)r->plain;
}

/* The next record in place (lossy: in a copy), valid until the release, or NULL. NULL too when
 * another live consumer holds the side: tt_spsc_claim_consumer tells. */
static inline const tt_head *tt_spsc_peek(tt_spsc *r)
{
    if (TT_UNLIKELY(!r->plain) && !tt_spsc_is_plain_(r))
        return r->consuming ? tt_spsc_peek_lossy_(r) : NULL;
    tt_atomic_u64 *slot = tt_spsc_commit_word_(r, tt_load_relaxed64(&r->page->read_pos));
    /* Pairs with the release stores of the commit word in the pushes. */
    return tt_load_acquire64(slot) == 0 ? NULL : (const tt_head *)(const void *)slot;
}

static inline void tt_spsc_give_back_(tt_spsc *r, uint64_t slots, uint64_t records)
{
    tt_spsc_page *page = r->page;
    tt_bump64(&page->popped, records);
    /* Pairs with the acquire load in tt_spsc_room_: the slots may be written again. */
    tt_store_release64(&page->read_pos, tt_load_relaxed64(&page->read_pos) + slots);
}

/* Give back the record that the last peek showed. */
static inline void tt_spsc_release(tt_spsc *r)
{
    if (TT_UNLIKELY(!r->plain)) {
        tt_spsc_release_lossy_(r);
        return;
    }
    const uint64_t pos = tt_load_relaxed64(&r->page->read_pos);
    const uint64_t word = tt_load_relaxed64(tt_spsc_commit_word_(r, pos));
    TT_ASSERT(tt_spsc_slots_of_(word) != 0);
    /* A branch and not arithmetic: the next position then does not wait for the load. */
    if (TT_LIKELY((word & 0xffffu) == TT_SLOT_BYTES - 8))
        tt_spsc_give_back_(r, 1, 1);
    else
        tt_spsc_give_back_(r, 2, 1);
}

/* Up to max_slots of records that lie one behind another (lossy: one record). TT_OK, TT_E_EMPTY,
 * TT_E_STATE, TT_E_CORRUPT, or TT_E_LENGTH when max_slots is less than the next record. */
static inline int tt_spsc_peek_run(tt_spsc *r, uint64_t max_slots, tt_spsc_run *run)
{
    const tt_head *first = tt_spsc_peek(r);
    uint64_t slots = 0, records = 0;
    if (first == NULL)
        return r->consuming ? TT_E_EMPTY : TT_E_STATE;
    uint64_t n = tt_spsc_slots_of_(tt_spsc_word_(first));
    if (TT_UNLIKELY(n == 0))
        return TT_E_CORRUPT;
    if (TT_UNLIKELY(n > max_slots))
        return TT_E_LENGTH;
    const uint64_t pos = tt_load_relaxed64(&r->page->read_pos);
    const uint64_t index = pos & r->mask;
    uint64_t next = 1;
    while (n != 0 && slots + n <= max_slots) {
        slots += n;
        records++;
        if (r->flags & TT_SPSC_OVERWRITE || index + slots > r->mask)
            break;
        next = tt_load_acquire64(tt_spsc_commit_word_(r, pos + slots)); /* pairs with the commits */
        n = tt_spsc_slots_of_(next);
        if (next == 0)
            break;
    }
    *run = (tt_spsc_run){.first = first,
                         .slots = (uint32_t)slots,
                         .records = (uint32_t)records,
                         .end_of_batch = next == 0};
    return TT_OK;
}

static inline void tt_spsc_release_run(tt_spsc *r, const tt_spsc_run *run)
{
    if (r->flags & TT_SPSC_OVERWRITE)
        tt_spsc_release_lossy_(r);
    else
        tt_spsc_give_back_(r, run->slots, run->records);
}

/* Copy the next record to `out` (128 bytes of room): its bytes, or TT_E_EMPTY, TT_E_STATE,
 * TT_E_CORRUPT. */
static inline int tt_spsc_try_pop(tt_spsc *r, void *out)
{
    const tt_head *rec = tt_spsc_peek(r);
    if (rec == NULL)
        return r->consuming ? TT_E_EMPTY : TT_E_STATE;
    const uint64_t n = tt_spsc_slots_of_(tt_spsc_word_(rec));
    if (TT_LIKELY(n == 1))
        memcpy(out, rec, TT_SLOT_BYTES);
    else if (n == 2)
        memcpy(out, rec, TT_RECORD_BYTES_MAX);
    else
        return TT_E_CORRUPT;
    tt_spsc_release(r);
    return (int)(n * TT_SLOT_BYTES);
}

/* Copy whole records into max_slots slots at `out`: the slots filled, or TT_E_STATE, TT_E_CORRUPT.
 */
static inline int64_t tt_spsc_drain(tt_spsc *r, void *out, uint64_t max_slots)
{
    uint64_t done = 0;
    tt_spsc_run run;
    int rc = TT_OK;
    while (done < max_slots && (rc = tt_spsc_peek_run(r, max_slots - done, &run)) == TT_OK) {
        memcpy((uint8_t *)out + done * TT_SLOT_BYTES, run.first, (size_t)run.slots * TT_SLOT_BYTES);
        tt_spsc_release_run(r, &run);
        done += run.slots;
    }
    return done > 0 || rc == TT_OK || rc == TT_E_EMPTY || rc == TT_E_LENGTH ? (int64_t)done : rc;
}

/* Slots in use, for observers: a snapshot. */
static inline uint64_t tt_spsc_depth(const tt_spsc *r)
{
    const uint64_t read_pos = tt_load_acquire64(&r->page->read_pos);
    const int64_t depth = (int64_t)(tt_load_acquire64(&r->page->write_pos) - read_pos);
    const int64_t most = (int64_t)r->mask + ((r->flags & TT_SPSC_OVERWRITE) ? 1 : 0);
    return depth < 0 ? 0 : (uint64_t)(depth > most ? most : depth);
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
