/* Multi-producer multi-consumer ring of records, in shared or private memory. Bounded: a full ring
 * refuses (TT_E_FULL). Any number of threads and processes push and pop, each with a handle of its
 * own that has joined. Each record goes to one consumer; consumers take records in the order of
 * their positions, so the records of one producer stay in order.
 *
 * A fenced ring survives whoever dies or is stopped while it holds a slot: layout, states and
 * quarantine in mpmc_page.h, unblocking in mpmc_owner.h. What is given up is never delivered, and
 * counted: positions = pushed + abandoned + aborted + skipped, pushed = popped + lost + depth.
 *
 *   tt_mpmc_try_claim / _claim_n     slots to write in place; then, for each,
 *   tt_mpmc_commit / _abort
 *   tt_mpmc_try_peek / _peek_n       records to read in place; then, for each,
 *   tt_mpmc_release
 *   tt_mpmc_try_push / _push_n, _try_pop, _drain    the same with a copy
 *
 * Nothing here waits or looks at a clock; waiting is in mpmc_wait.h.
 */
#ifndef TECTRA_MPMC_H
#define TECTRA_MPMC_H

#include "mpmc_slot.h"

static inline void tt_mpmc_note_depth_(tt_mpmc *r, uint64_t pos)
{
    const uint64_t depth = pos + 1 - tt_load_relaxed64(&r->page->read_pos);
    const uint64_t seen = tt_load_relaxed64(&r->mine->high_water);
    if ((int64_t)(depth - seen) > 0)
        tt_store_relaxed64(&r->mine->high_water, depth > r->mask ? r->mask + 1 : depth);
}

static inline int tt_mpmc_claim_(tt_mpmc *r, uint32_t bytes, tt_mpmc_item *item)
{
    if (TT_UNLIKELY(bytes != TT_SLOT_BYTES &&
                    (bytes != TT_RECORD_BYTES_MAX || !(r->flags & TT_MPMC_WIDE))))
        return TT_E_LENGTH;
    if (TT_UNLIKELY(r->me == 0))
        return TT_E_STATE;
    item->bytes = bytes;
    return (r->flags & TT_MPMC_FENCED) ? tt_mpmc_claim_fenced_(r, item)
                                       : tt_mpmc_claim_plain_(r, item);
}

/* A slot for a record of 64 or 128 bytes, to be written in place and committed or aborted soon:
 * readers wait for it. TT_OK, TT_E_FULL, TT_E_LENGTH, or TT_E_STATE (not joined). */
static inline int tt_mpmc_try_claim(tt_mpmc *r, uint32_t bytes, tt_mpmc_item *item)
{
    const int rc = tt_mpmc_claim_(r, bytes, item);
    if (TT_UNLIKELY(rc != TT_OK)) {
        if (rc == TT_E_FULL)
            tt_bump64(&r->mine->full_count, 1);
        return rc;
    }
    if (TT_UNLIKELY((item->pos & r->mark) == 0))
        tt_mpmc_note_depth_(r, item->pos);
    return TT_OK;
}

/* Up to n slots, in order, other producers' possibly between them: how many, or TT_E_FULL,
 * TT_E_LENGTH, TT_E_STATE. */
static inline int64_t tt_mpmc_try_claim_n(tt_mpmc *r, uint32_t bytes, tt_mpmc_item *items,
                                          uint32_t n)
{
    uint32_t done = 0;
    int rc = TT_OK;
    while (done < n && (rc = tt_mpmc_claim_(r, bytes, &items[done])) == TT_OK)
        done++;
    if (done > 0)
        tt_mpmc_note_depth_(r, items[done - 1].pos);
    else if (rc == TT_E_FULL)
        tt_bump64(&r->mine->full_count, 1);
    return done > 0 ? (int64_t)done : rc;
}

/* Leave the state `from` that this handle put the slot into, and count it; a plain ring knows from
 * its positions how many went in and out. TT_OK, or TT_E_STATE: others gave up
 * waiting and have gone on. */
static inline int tt_mpmc_finish_(tt_mpmc *r, tt_mpmc_item *item, uint32_t from, uint64_t next,
                                  tt_atomic_u64 *counter)
{
    if (r->flags & TT_MPMC_FENCED) {
        TT_ASSERT(r->open > 0);
        r->open--;
        uint64_t word = tt_mpmc_word(item->pos, r->me, from);
        if (TT_UNLIKELY(!tt_cas64(&item->slot->word, &word, next)))
            return tt_mpmc_fenced_(r, item->slot);
        tt_bump64(counter, 1);
    } else {
        tt_store_release64(&item->slot->word, next); /* pairs with the loads in claim and peek */
    }
    return TT_OK;
}

/* The record in item->record is complete. TT_OK, or TT_E_STATE: it came too late and is counted as
 * abandoned already; nothing was delivered. */
static inline int tt_mpmc_commit(tt_mpmc *r, tt_mpmc_item *item, uint32_t tag)
{
    if (r->flags & TT_MPMC_STAMP) {
        const uint64_t number = tt_mpmc_number(r, item->pos);
        tt_copy_in(&((tt_head *)item->record)->ring_seq, &number, sizeof number);
    }
    tt_store_relaxed64(&item->slot->info, (uint64_t)item->bytes << 32 | tag);
    return tt_mpmc_finish_(r, item, TT_MPMC_CLAIMED, tt_mpmc_word(item->pos, 0, TT_MPMC_READY),
                           &r->mine->pushed);
}

/* Give a claim up: readers pass over it. TT_OK or TT_E_STATE as in commit. */
static inline int tt_mpmc_abort(tt_mpmc *r, tt_mpmc_item *item)
{
    if (!(r->flags & TT_MPMC_FENCED))
        tt_bump64(&r->mine->aborted, 1);
    return tt_mpmc_finish_(r, item, TT_MPMC_CLAIMED, tt_mpmc_word(item->pos, 0, TT_MPMC_SKIP),
                           &r->mine->aborted);
}

static inline int tt_mpmc_peek_(tt_mpmc *r, uint32_t room, tt_mpmc_item *item)
{
    if (TT_UNLIKELY(r->me == 0))
        return TT_E_STATE;
    return (r->flags & TT_MPMC_FENCED) ? tt_mpmc_peek_fenced_(r, room, item)
                                       : tt_mpmc_peek_plain_(r, room, item);
}

/* The next record, in place at item->record, this handle's alone until it is released: writers wait
 * for it. TT_OK, TT_E_EMPTY, or TT_E_STATE (not joined). */
static inline int tt_mpmc_try_peek(tt_mpmc *r, tt_mpmc_item *item)
{
    return tt_mpmc_peek_(r, r->room, item);
}

/* Up to n records in order: how many, or TT_E_EMPTY, TT_E_STATE. *end_of_batch: nothing was ready
 * behind them when it was looked at. */
static inline int64_t tt_mpmc_try_peek_n(tt_mpmc *r, tt_mpmc_item *items, uint32_t n,
                                         uint32_t *end_of_batch)
{
    uint32_t done = 0;
    int rc = TT_OK;
    while (done < n && (rc = tt_mpmc_peek_(r, r->room, &items[done])) == TT_OK)
        done++;
    *end_of_batch = rc != TT_OK;
    if (rc == TT_OK) {
        const uint64_t pos = tt_load_relaxed64(&r->page->read_pos);
        const uint64_t word = tt_load_acquire64(&tt_mpmc_slot_(r, pos)->word); /* a look only */
        *end_of_batch = word != tt_mpmc_word(pos, 0, TT_MPMC_READY);
    }
    return done > 0 ? (int64_t)done : rc;
}

/* Done with a record. TT_OK, or TT_E_STATE: it took too long, and the record counts as lost. Its
 * bytes were intact until now. */
static inline int tt_mpmc_release(tt_mpmc *r, tt_mpmc_item *item)
{
    const uint64_t next = tt_mpmc_word(item->pos + r->mask + 1, 0, TT_MPMC_FREE);
    return tt_mpmc_finish_(r, item, TT_MPMC_READING, next, &r->mine->popped);
}

/* Push a copy of one record. TT_OK, TT_E_FULL, TT_E_LENGTH, or TT_E_STATE: not joined, or the
 * thread was held up for so long that others went on; nothing was delivered. */
static inline int tt_mpmc_try_push(tt_mpmc *r, const void *rec, uint32_t tag)
{
    tt_mpmc_item item;
    const int rc = tt_mpmc_try_claim(r, tt_rec_bytes(rec), &item);
    if (TT_UNLIKELY(rc != TT_OK))
        return rc;
    if (TT_LIKELY(item.bytes == TT_SLOT_BYTES))
        tt_copy_in(item.record, rec, TT_SLOT_BYTES);
    else
        tt_copy_in(item.record, rec, TT_RECORD_BYTES_MAX);
    return tt_mpmc_commit(r, &item, tag);
}

/* Push whole records out of n_slots contiguous 64-byte slots, one by one: the slots taken (0: the
 * ring is full), or TT_E_LENGTH when the first record is none or is cut, TT_E_STATE. */
static inline int64_t tt_mpmc_try_push_n(tt_mpmc *r, const void *slots, uint64_t n_slots,
                                         uint32_t tag)
{
    uint64_t done = 0;
    int rc = TT_OK;
    while (done < n_slots) {
        const uint8_t *rec = (const uint8_t *)slots + done * TT_SLOT_BYTES;
        const uint64_t n = tt_rec_bytes(rec) / TT_SLOT_BYTES;
        rc = n > n_slots - done ? TT_E_LENGTH : tt_mpmc_try_push(r, rec, tag);
        if (rc != TT_OK)
            break;
        done += n;
    }
    return done > 0 || rc == TT_OK || rc == TT_E_FULL ? (int64_t)done : rc;
}

/* Copy the next record of at most `room` bytes to `out`: its bytes, or TT_E_EMPTY, TT_E_LENGTH,
 * TT_E_STATE (not joined). A record that this thread held for so long that it was given up is not
 * delivered: the next one is. */
static inline int tt_mpmc_pop_(tt_mpmc *r, void *out, uint32_t room, uint32_t *tag)
{
    tt_mpmc_item item;
    for (uint32_t i = 0; i < TT_MPMC_TRIES; i++) {
        const int rc = tt_mpmc_peek_(r, room, &item);
        if (rc != TT_OK)
            return rc;
        if (TT_LIKELY(item.bytes == TT_SLOT_BYTES))
            tt_copy_out(out, item.record, TT_SLOT_BYTES);
        else
            tt_copy_out(out, item.record, TT_RECORD_BYTES_MAX);
        if (TT_LIKELY(tt_mpmc_release(r, &item) == TT_OK)) {
            if (tag != NULL)
                *tag = item.tag;
            return (int)item.bytes;
        }
    }
    return TT_E_EMPTY;
}

/* Copy the next record to `out` (128 bytes of room); `tag` may be NULL. Its bytes, TT_E_EMPTY, or
 * TT_E_STATE (not joined). */
static inline int tt_mpmc_try_pop(tt_mpmc *r, void *out, uint32_t *tag)
{
    return tt_mpmc_pop_(r, out, r->room, tag);
}

/* Copy whole records into max_slots slots at `out`: the slots filled, or TT_E_STATE. */
static inline int64_t tt_mpmc_drain(tt_mpmc *r, void *out, uint64_t max_slots)
{
    uint64_t done = 0;
    int rc = TT_OK;
    while (done < max_slots) {
        const uint32_t room = max_slots - done == 1 ? TT_SLOT_BYTES : r->room;
        rc = tt_mpmc_pop_(r, (uint8_t *)out + done * TT_SLOT_BYTES, room, NULL);
        if (rc < 0)
            break;
        done += (uint64_t)rc / TT_SLOT_BYTES;
    }
    return rc == TT_E_STATE ? rc : (int64_t)done;
}

/* Integrity of a ring at rest: every slot stands for the position it must. TT_OK or TT_E_CORRUPT.
 */
static inline int tt_mpmc_check(const tt_mpmc *r)
{
    uint64_t end = tt_load_acquire64(&r->page->write_pos);
    const uint64_t begin = tt_load_acquire64(&r->page->read_pos);
    const int fenced = (r->flags & TT_MPMC_FENCED) != 0;
    /* A writer that stopped between its slot and the position leaves that one behind; the next
     * claim moves it on. */
    if (fenced && end + 1 == begin)
        end = begin;
    if (end - begin > r->mask + 1)
        return TT_E_CORRUPT;
    for (uint64_t i = 0; i <= r->mask; i++) {
        const uint64_t pos = begin + i;
        const uint64_t word = tt_load_acquire64(&tt_mpmc_slot_(r, pos)->word);
        const uint32_t state = tt_mpmc_state(word);
        const int64_t ahead = tt_mpmc_ahead_(word, pos);
        /* A plain ring does not say who is at work: what is claimed is free, what is read ready. */
        const uint32_t claimed = fenced ? TT_MPMC_CLAIMED : TT_MPMC_FREE;
        const uint32_t taken = fenced ? TT_MPMC_READING : TT_MPMC_READY;
        const int reading = state == taken && tt_mpmc_ahead_(word, pos - r->mask - 1) == 0;
        const int written = ahead == 0 && (state == claimed || state == TT_MPMC_READY ||
                                           state == TT_MPMC_SKIP || state == TT_MPMC_LOST);
        const int empty = ahead == 0 && state <= TT_MPMC_HELD;
        if (!(i < end - begin ? written : empty || reading))
            return TT_E_CORRUPT;
    }
    return TT_OK;
}

#endif
