/* Single-producer single-consumer ring of records, in shared or private memory. Bounded: a full
 * ring refuses (TT_E_FULL).
 *
 * One thread pushes, one thread peeks and releases, in the same or in different processes; anyone
 * may read the counters (spsc_status.h). Layout and commit rule: spsc_page.h. The lossy mode:
 * spsc_lossy.h. Writing in place: spsc_claim.h. Waiting: spsc_wait.h.
 *
 *   tt_spsc_try_push(r, rec)           one record
 *   tt_spsc_try_push_n(r, slots, n)    whole records out of n slots, visible all at once
 *   tt_spsc_peek(r) / _release(r)      the next record in place, or NULL; give it back
 *   tt_spsc_peek_run / _release_run    a contiguous run of records, with the end of the batch
 *   tt_spsc_try_pop(r, out)            copy one out
 */
#ifndef TECTRA_SPSC_H
#define TECTRA_SPSC_H

#include "spsc_lossy.h"
#include "spsc_page.h"
#include "spsc_status.h"

/* Records that lie one behind another. */
typedef struct {
    const tt_head *first;
    uint32_t slots, records;
    uint32_t end_of_batch; /* 1: nothing was committed behind this run when it was looked at */
} tt_spsc_run;

/* Producer: look at the consumer's line when `want` slots more may make the ring full, or fuller
 * than ever; only then. 1 when seen_read_pos is fresh. */
static inline int tt_spsc_look_(tt_spsc *r, uint64_t pos, uint64_t want)
{
    const uint64_t high = tt_load_relaxed64(&r->page->high_water);
    const uint64_t mark = high > TT_SPSC_MARK_MIN ? high : TT_SPSC_MARK_MIN;
    if (pos + want - r->seen_read_pos <= (mark < r->mask ? mark : r->mask))
        return 0;
    /* Pairs with the release store of the consumer: it has finished reading the slots before. */
    r->seen_read_pos = tt_load_acquire64(&r->page->read_pos);
    return 1;
}

static inline void tt_spsc_note_depth_(tt_spsc *r, uint64_t depth)
{
    if (depth > tt_load_relaxed64(&r->page->high_water))
        tt_store_relaxed64(&r->page->high_water, depth);
}

/* Commit words from..to become 0, in runs that do not wrap. */
static inline void tt_spsc_clear_(tt_spsc *r, uint64_t from, uint64_t to)
{
    uint64_t left = to + 1 - from;
    while (left > 0) {
        tt_atomic_u64 *word = tt_spsc_commit_word_(r, from);
        const uint64_t run = r->mask + 1 - (from & r->mask);
        const uint64_t n = left < run ? left : run;
        for (uint64_t i = 0; i < n; i++, word += TT_SLOT_BYTES / 8)
            tt_store_relaxed64(word, 0);
        from += n;
        left -= n;
    }
}

/* Producer: make room for n slots behind `pos` and clear the commit words of the next chunk, ahead
 * of the commit that leads there. TT_OK or TT_E_FULL. */
TT_SPSC_COLD int tt_spsc_room_(tt_spsc *r, uint64_t pos, uint64_t n)
{
    const uint64_t want = n + TT_SPSC_CHUNK - 1;
    TT_ASSERT(r->producing && r->claimed == 0 && r->clear_to - pos <= r->mask);
    if (tt_spsc_look_(r, pos, want)) {
        const uint64_t depth = pos - r->seen_read_pos;
        tt_spsc_note_depth_(r, depth + n > r->mask ? depth : depth + n);
        if (depth + n > r->mask)
            return TT_E_FULL;
    }
    const uint64_t most = r->seen_read_pos + r->mask;
    const uint64_t end = (int64_t)(pos + want - most) < 0 ? pos + want : most;
    if ((int64_t)(end - r->clear_to) > 0) {
        tt_spsc_clear_(r, r->clear_to + 1, end);
        r->clear_to = end;
    }
    return TT_OK;
}

static inline int tt_spsc_has_room_(const tt_spsc *r, uint64_t pos, uint64_t n)
{
    return (int64_t)(r->clear_to - (pos + n)) >= 0;
}

static inline uint64_t tt_spsc_word_(const void *rec)
{
    uint64_t word;
    memcpy(&word, rec, sizeof(word));
    return word;
}

/* Everything of a record but its commit word; the number goes into ring_seq where the ring stamps.
 */
static inline void tt_spsc_fill_(const tt_spsc *r, uint8_t *slot, const void *rec, uint64_t n,
                                 uint64_t number)
{
    const uint8_t *in = (const uint8_t *)rec;
    if (TT_LIKELY(n == 1))
        tt_copy_in(slot + 16, in + 16, TT_SLOT_BYTES - 16);
    else
        tt_copy_in(slot + 16, in + 16, TT_RECORD_BYTES_MAX - 16);
    const uint64_t seq = (r->flags & TT_SPSC_STAMP) ? number : tt_spsc_word_(in + 8);
    tt_copy_in(slot + 8, &seq, sizeof(seq));
}

/* The producer's position moves, and a consumer that sleeps wakes. */
static inline void tt_spsc_advance_(tt_spsc_page *page, uint64_t write_pos)
{
    tt_store_release64(&page->write_pos, write_pos); /* pairs with the acquire loads of observers */
    /* Behind the commit: with the fence of the sleeper in tt_spsc_park_consumer_, one of the two
     * sees the other. The flag lies on a line that this side has anyway. */
    tt_fence_compiler();
    if (TT_UNLIKELY(tt_load_relaxed32(&page->consumer_parked) != 0))
        tt_unpark(&page->consumer_parked);
}

/* Copy in, commit, count. There is room, so the slot behind is the end mark already. */
static inline void tt_spsc_put_(tt_spsc *r, uint64_t pos, const void *rec, uint64_t n)
{
    tt_spsc_page *page = r->page;
    tt_atomic_u64 *slot = tt_spsc_commit_word_(r, pos);
    const uint64_t skew = tt_load_relaxed64(&page->write_skew);
    tt_spsc_fill_(r, (uint8_t *)slot, rec, n, pos + 1 - skew);
    tt_store_release64(slot, tt_spsc_word_(rec)); /* pairs with the acquire load in tt_spsc_peek */
    if (n == 2)
        tt_store_relaxed64(&page->write_skew, skew + 1);
    tt_spsc_advance_(page, pos + n);
}

/* The first push, a wide record, a lossy ring, no room, or time to look at the other side. */
TT_SPSC_COLD int tt_spsc_push_slow_(tt_spsc *r, const void *rec)
{
    const uint64_t n = tt_spsc_slots_of_(tt_spsc_word_(rec));
    if (TT_UNLIKELY(n == 0))
        return TT_E_LENGTH;
    if (TT_UNLIKELY(!r->producing) && tt_spsc_claim_producer(r) != TT_OK)
        return TT_E_STATE;
    if (TT_UNLIKELY(r->claimed != 0))
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
 * TT_E_STATE (another live producer, or a claim is open). */
static inline int64_t tt_spsc_try_push_n(tt_spsc *r, const void *slots, uint64_t n_slots)
{
    tt_spsc_page *page = r->page;
    const uint8_t *in = (const uint8_t *)slots;
    if (TT_UNLIKELY(!r->producing) && tt_spsc_claim_producer(r) != TT_OK)
        return TT_E_STATE;
    if (TT_UNLIKELY(r->claimed != 0))
        return TT_E_STATE;
    if (r->flags & TT_SPSC_OVERWRITE)
        return tt_spsc_push_n_lossy_(r, slots, n_slots);
    const uint64_t start = tt_load_relaxed64(&page->write_pos);
    const uint64_t skew = tt_load_relaxed64(&page->write_skew);
    const int fresh = tt_spsc_look_(r, start, n_slots);
    const uint64_t room = r->mask - (start - r->seen_read_pos);
    uint64_t pos = start, wide = 0, first = 0;
    int rc = TT_OK;
    while (pos - start < n_slots) {
        const uint8_t *rec = in + (pos - start) * TT_SLOT_BYTES;
        const uint64_t word = tt_spsc_word_(rec);
        const uint64_t n = tt_spsc_slots_of_(word);
        if (TT_UNLIKELY(n == 0 || pos - start + n > n_slots))
            rc = TT_E_LENGTH;
        else if (TT_UNLIKELY(pos - start + n > room))
            rc = TT_E_FULL;
        if (TT_UNLIKELY(rc != TT_OK))
            break;
        tt_atomic_u64 *slot = tt_spsc_commit_word_(r, pos);
        tt_spsc_fill_(r, (uint8_t *)slot, rec, n, pos + 1 - skew - wide);
        if (pos == start)
            first = word;
        else
            tt_store_relaxed64(slot, word); /* hidden behind the end mark the first slot still is */
        pos += n;
        wide += n - 1;
    }
    if (fresh)
        tt_spsc_note_depth_(r, pos - r->seen_read_pos);
    if (pos == start) {
        if (rc == TT_E_FULL)
            tt_bump64(&page->full_count, 1);
        return rc == TT_E_FULL ? 0 : rc;
    }
    if ((int64_t)(pos - r->clear_to) > 0) {
        tt_store_relaxed64(tt_spsc_commit_word_(r, pos), 0); /* the end mark, before the commit */
        r->clear_to = pos;
    }
    /* All of them at once; pairs with the acquire load in tt_spsc_peek. */
    tt_store_release64(tt_spsc_commit_word_(r, start), first);
    if (wide != 0)
        tt_store_relaxed64(&page->write_skew, skew + wide);
    tt_spsc_advance_(page, pos);
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
    if (slots != records)
        tt_bump64(&page->read_skew, slots - records);
    /* Pairs with the acquire load in tt_spsc_room_: the slots may be written again. */
    tt_store_release64(&page->read_pos, tt_load_relaxed64(&page->read_pos) + slots);
    /* As in tt_spsc_advance_, with the fence in tt_spsc_park_producer_. */
    tt_fence_compiler();
    if (TT_UNLIKELY(tt_load_relaxed32(&page->producer_parked) != 0))
        tt_unpark(&page->producer_parked);
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
    const uint64_t pos = tt_load_relaxed64(&r->page->read_pos);
    const int lossy = (r->flags & TT_SPSC_OVERWRITE) != 0;
    uint64_t next = tt_load_relaxed64((const tt_atomic_u64 *)(const void *)first);
    uint64_t n = tt_spsc_slots_of_(next);
    if (TT_UNLIKELY(n == 0))
        return TT_E_CORRUPT;
    if (TT_UNLIKELY(n > max_slots))
        return TT_E_LENGTH;
    do {
        slots += n;
        records++;
        /* Pairs with the commits; a lossy run is one record, and the positions tell. */
        next = lossy ? tt_load_acquire64(&r->page->write_pos) - r->read_pos - r->held_slots
                     : tt_load_acquire64(tt_spsc_commit_word_(r, pos + slots));
        n = tt_spsc_slots_of_(next);
    } while (!lossy && n != 0 && slots + n <= max_slots && (pos & r->mask) + slots <= r->mask);
    *run = (tt_spsc_run){.first = first,
                         .slots = (uint32_t)slots,
                         .records = (uint32_t)records,
                         .end_of_batch = next == 0 && r->held != TT_SPSC_HELD_GAP};
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
    const uint64_t n =
        tt_spsc_slots_of_(tt_load_relaxed64((const tt_atomic_u64 *)(const void *)rec));
    if (TT_LIKELY(n == 1))
        tt_copy_out(out, rec, TT_SLOT_BYTES);
    else if (n == 2)
        tt_copy_out(out, rec, TT_RECORD_BYTES_MAX);
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
        tt_copy_out((uint8_t *)out + done * TT_SLOT_BYTES, run.first,
                    (size_t)run.slots * TT_SLOT_BYTES);
        tt_spsc_release_run(r, &run);
        done += run.slots;
    }
    return done > 0 || rc == TT_OK || rc == TT_E_EMPTY || rc == TT_E_LENGTH ? (int64_t)done : rc;
}

#endif
