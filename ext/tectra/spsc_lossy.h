/* The lossy mode of the ring (spsc.h): the producer never waits, the consumer copies a record out
 * and then looks whether it was overwritten meanwhile. What was lost is told in the stream itself,
 * as a `gap` record with the exact first and last record number.
 *
 * Every word of a slot is an atomic of its own, so copying while the producer writes is defined;
 * ordering comes from the words (release here, acquire there), not from fences, which
 * ThreadSanitizer does not know. On x86 these are plain moves.
 */
#ifndef TECTRA_SPSC_LOSSY_H
#define TECTRA_SPSC_LOSSY_H

#include "spsc_page.h"

/* Resynchronisations in one peek before it says "nothing now": bounds the loop against a producer
 * that laps it each time. */
#ifndef TT_SPSC_LAPS_MAX
#define TT_SPSC_LAPS_MAX 16
#endif

/* Producer. Never fails. */
TT_SPSC_COLD void tt_spsc_push_lossy_(tt_spsc *r, const void *rec, uint64_t n)
{
    tt_spsc_page *page = r->page;
    const uint64_t pos = tt_load_relaxed64(&page->write_pos);
    const uint64_t number = tt_load_relaxed64(&page->pushed) + 1;
    const uint64_t index = pos & r->mask;
    tt_atomic_u64 *slot = tt_spsc_commit_word_(r, pos);
    uint64_t words[TT_RECORD_BYTES_MAX / 8];
    memcpy(words, rec, n * TT_SLOT_BYTES);
    if (r->flags & TT_SPSC_STAMP)
        words[1] = number;
    /* Before any word changes. Every release store below carries it to a consumer that sees the
     * changed word. It never falls: a producer that died half-way may have announced more than its
     * successor writes first. */
    if ((int64_t)(pos + n - tt_load_relaxed64(&page->intent_pos)) > 0)
        tt_store_relaxed64(&page->intent_pos, pos + n);
    for (uint64_t i = 0; i < n * (TT_SLOT_BYTES / 8); i++)
        tt_store_release64(slot + i, words[i]); /* pairs with the acquire loads in tt_spsc_copy_ */
    tt_store_release64(r->numbers + index, number);
    if (n == 2)
        tt_store_release64(r->numbers + ((index + 1) & r->mask), 0);
    tt_store_relaxed64(&page->pushed, number);
    const uint64_t depth = pos + n - tt_load_relaxed64(&page->read_pos);
    const uint64_t used = depth > r->mask + 1 ? r->mask + 1 : depth;
    if (used > tt_load_relaxed64(&page->high_water))
        tt_store_relaxed64(&page->high_water, used);
    tt_store_release64(&page->write_pos,
                       pos + n); /* pairs with the acquire load in tt_spsc_fetch_lossy_ */
    tt_fence_compiler();         /* as in tt_spsc_advance_ */
    if (TT_UNLIKELY(tt_load_relaxed32(&page->consumer_parked) != 0))
        tt_unpark(&page->consumer_parked);
}

/* Producer: whole records, one behind another; the slots taken, or TT_E_LENGTH. */
TT_SPSC_COLD int64_t tt_spsc_push_n_lossy_(tt_spsc *r, const void *slots, uint64_t n_slots)
{
    const uint8_t *in = (const uint8_t *)slots;
    uint64_t done = 0;
    while (done < n_slots) {
        uint64_t word;
        memcpy(&word, in + done * TT_SLOT_BYTES, sizeof(word));
        const uint64_t n = tt_spsc_slots_of_(word);
        if (n == 0 || done + n > n_slots)
            return done > 0 ? (int64_t)done : TT_E_LENGTH;
        tt_spsc_push_lossy_(r, in + done * TT_SLOT_BYTES, n);
        done += n;
    }
    return (int64_t)done;
}

/* Was the slot at `pos` left alone until now? Whoever read a word of a later lap also sees the
 * intent that came before it. */
static inline int tt_spsc_intact_(const tt_spsc *r, uint64_t pos)
{
    return tt_load_acquire64(&r->page->intent_pos) - pos <= r->mask + 1;
}

/* Copy the record at `pos` out. Its slots, or 0 when the producer came over it. */
static inline uint64_t tt_spsc_copy_(tt_spsc *r, uint64_t pos)
{
    const tt_atomic_u64 *slot = tt_spsc_commit_word_(r, pos);
    uint64_t words[TT_RECORD_BYTES_MAX / 8];
    words[0] = tt_load_acquire64(slot);
    const uint64_t n = tt_spsc_slots_of_(words[0]);
    for (uint64_t i = 1; i < n * (TT_SLOT_BYTES / 8); i++)
        words[i] =
            tt_load_acquire64(slot + i); /* pairs with the release stores in tt_spsc_push_lossy_ */
    if (n == 0 || !tt_spsc_intact_(r, pos))
        return 0;
    memcpy(r->copy, words, n * TT_SLOT_BYTES);
    return n;
}

/* Lapped: where to go on. Half a ring behind the producer keeps half of what is left and gives time
 * to read it. 1 with the position and its record number, or 0 when the producer came over that too.
 */
static inline int tt_spsc_resync_(const tt_spsc *r, uint64_t *pos, uint64_t *number)
{
    /* Pairs with the release store of write_pos: numbers below it are written. */
    uint64_t at = tt_load_acquire64(&r->page->write_pos) - (r->mask + 1) / 2;
    *number = tt_load_acquire64(r->numbers + (at & r->mask));
    if (*number == 0) { /* the second half of a record: the next slot starts one */
        at++;
        *number = tt_load_acquire64(r->numbers + (at & r->mask));
    }
    *pos = at;
    return *number != 0 && tt_spsc_intact_(r, at - 1);
}

/* Log the loss of first..last and put the gap record before the held one, with its times, so that
 * time does not run back. */
static inline void tt_spsc_tell_gap_(tt_spsc *r, uint64_t first, uint64_t last)
{
    tt_spsc_page *page = r->page;
    const tt_head *after = (const tt_head *)(const void *)r->copy;
    tt_gap *gap = (tt_gap *)(void *)r->gap;
    TT_ASSERT(first <= last);
    tt_rec_init(gap, TT_T_GAP);
    gap->ring_seq = last;
    gap->ts_event_ns = after->ts_event_ns;
    gap->ts_recv_ns = after->ts_recv_ns;
    gap->first_seq = first;
    gap->last_seq = last;
    const uint64_t count = tt_load_relaxed64(&page->gaps);
    tt_spsc_gap *entry = &page->gap_log[count % TT_SPSC_GAP_LOG];
    tt_store_relaxed64(&entry->first, first);
    tt_store_relaxed64(&entry->last, last);
    tt_bump64(&page->lost, last - first + 1);
    tt_store_release64(&page->gaps,
                       count + 1); /* pairs with the acquire load of whoever reads the log */
    r->held = TT_SPSC_HELD_GAP;
}

/* Take the next record out of the ring into the handle. 1, or 0 when there is none. */
TT_SPSC_COLD int tt_spsc_fetch_lossy_(tt_spsc *r)
{
    /* The number that should come next. */
    const uint64_t first =
        tt_load_relaxed64(&r->page->popped) + tt_load_relaxed64(&r->page->lost) + 1;
    uint64_t number = first;
    uint64_t pos = r->read_pos;
    for (int lap = 0; lap < TT_SPSC_LAPS_MAX; lap++) {
        /* Pairs with the release store at the end of tt_spsc_push_lossy_. */
        if (pos == tt_load_acquire64(&r->page->write_pos))
            return 0;
        const uint64_t n = tt_spsc_copy_(r, pos);
        if (n != 0) {
            r->held_slots = n;
            r->read_pos = pos;
            r->held = TT_SPSC_HELD_RECORD;
            if (number != first) {
                tt_spsc_tell_gap_(r, first, number - 1);
                /* Pairs like the store in the release: a next consumer starts behind the gap. */
                tt_store_release64(&r->page->read_pos, pos);
            }
            return 1;
        }
        uint64_t to, to_number;
        if (tt_spsc_resync_(r, &to, &to_number)) {
            pos = to;
            number = to_number;
        }
    }
    return 0;
}

TT_SPSC_COLD const tt_head *tt_spsc_peek_lossy_(tt_spsc *r)
{
    if (r->held == TT_SPSC_HELD_NONE && !tt_spsc_fetch_lossy_(r))
        return NULL;
    return (const tt_head *)(const void *)(r->held == TT_SPSC_HELD_GAP ? r->gap : r->copy);
}

TT_SPSC_COLD void tt_spsc_release_lossy_(tt_spsc *r)
{
    TT_ASSERT(r->held != TT_SPSC_HELD_NONE);
    if (r->held == TT_SPSC_HELD_GAP) {
        r->held = TT_SPSC_HELD_RECORD;
        return;
    }
    r->held = TT_SPSC_HELD_NONE;
    r->read_pos += r->held_slots;
    tt_bump64(&r->page->popped, 1);
    tt_store_release64(
        &r->page->read_pos,
        r->read_pos); /* pairs with the acquire loads of observers and of a next consumer */
}

#endif
